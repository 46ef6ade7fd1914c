// SPDX-License-Identifier: Apache-2.0

import Storage

/// Content-addressed blobs of a worker: complete ones, and those that arrive chunk by chunk.
struct BlobCache: Hashable, Sendable {
    /// A blob on its way. It takes the memory of what has arrived, not of what it is said to
    /// become.
    private struct Partial: Hashable {
        /// From the first byte on.
        private(set) var bytes: [UInt8] = []
        /// Chunks behind a gap, by offset.
        private var ahead: [Int: [UInt8]] = [:]
        var total: Int?
        /// First byte not asked for yet.
        var asked = 0
        /// Ranges asked for and not here yet.
        var outstanding: Set<Int> = []
        /// Ranges whose answers died with a connection, to be asked for again, last one first.
        var lost: [Int] = []

        var allocatedBytes: Int { ahead.values.reduce(bytes.capacity) { $0 + $1.capacity } }

        /// Takes a chunk that is not here yet.
        mutating func add(_ chunk: [UInt8], at offset: Int, of total: Int) {
            ahead[offset] = chunk
            while let next = ahead.removeValue(forKey: bytes.count) {
                if bytes.count + next.count > bytes.capacity {
                    // Twice as much each time, so that few bytes are copied often, and no more than
                    // the blob in the end.
                    bytes.reserveCapacity(
                        min(total, max(BlobCache.firstReservation, 2 * bytes.count)))
                }
                bytes.append(contentsOf: next)
            }
        }
    }

    /// Largest blob a worker accepts.
    static let limit = 2 << 30
    /// Bytes reserved at the first chunk, so that most blobs are never copied: address space, which
    /// becomes memory only where something is written to it.
    static let firstReservation = 32 << 20

    private var complete: [Digest: [UInt8]] = [:]
    private var partial: [Digest: Partial] = [:]
    /// Digests in the order of their first want.
    private var queue: [Digest] = []
    /// Chunks asked for at a time, over all blobs.
    let window: Int
    /// Most bytes of all blobs, those on their way in full.
    let capacity: Int

    init(window: Int = 16, capacity: Int = 4 << 30) {
        self.window = window
        self.capacity = capacity
    }

    /// Memory that all blobs may take without asking for more.
    var allocatedBytes: Int {
        complete.values.reduce(0) { $0 + $1.capacity }
            + partial.values.reduce(0) { $0 + $1.allocatedBytes }
    }

    /// Bytes of all blobs as far as their lengths are known.
    private var promised: Int {
        complete.values.reduce(0) { $0 + $1.count }
            + partial.values.reduce(0) { $0 + ($1.total ?? 0) }
    }

    subscript(digest: Digest) -> [UInt8]? { complete[digest] }

    var isIdle: Bool { queue.isEmpty }

    mutating func want(_ digest: Digest) {
        guard complete[digest] == nil, partial[digest] == nil else { return }
        partial[digest] = Partial()
        queue.append(digest)
    }

    /// Requests that may go out now.
    mutating func requests() -> [BlobRange] {
        var budget = window - partial.values.reduce(0) { $0 + $1.outstanding.count }
        var ranges: [BlobRange] = []
        for digest in queue where budget > 0 {
            guard var blob = partial[digest] else { continue }
            // The first chunk tells how long the blob is.
            while budget > 0, let offset = blob.lost.popLast() {
                let length = min(BlobChunk.limit, (blob.total ?? .max) - offset)
                ranges.append(BlobRange(digest: digest, offset: offset, length: length))
                blob.outstanding.insert(offset)
                budget -= 1
            }
            while budget > 0, blob.total.map({ blob.asked < $0 }) ?? (blob.asked == 0) {
                let length = min(BlobChunk.limit, (blob.total ?? .max) - blob.asked)
                ranges.append(BlobRange(digest: digest, offset: blob.asked, length: length))
                blob.outstanding.insert(blob.asked)
                blob.asked += blob.total == nil ? BlobChunk.limit : length
                budget -= 1
            }
            partial[digest] = blob
        }
        return ranges
    }

    enum Arrival: Hashable {
        case ignored, stored, completed, damaged
        /// It does not fit beside what is here, and is not wanted any more.
        case tooLarge
    }

    /// Takes a chunk that was asked for; others are ignored.
    /// - Parameters:
    ///   - chunk: of a blob that is wanted.
    ///   - digests: of complete blobs that must stay; others make room.
    /// - Returns: what became of it.
    mutating func store(
        _ chunk: BlobChunk, keeping digests: @autoclosure () -> Set<Digest> = []
    ) -> Arrival {
        guard var blob = partial[chunk.digest], blob.outstanding.contains(chunk.offset),
            chunk.total > 0, blob.total ?? chunk.total == chunk.total,
            chunk.offset + chunk.bytes.count <= chunk.total,
            chunk.bytes.count == min(BlobChunk.limit, chunk.total - chunk.offset)
        else { return .ignored }
        if blob.total == nil {
            guard makeRoom(for: chunk.total, keeping: digests()) else {
                drop(chunk.digest)
                return .tooLarge
            }
            blob.total = chunk.total
        }
        partial[chunk.digest] = nil
        blob.outstanding.remove(chunk.offset)
        blob.add(chunk.bytes, at: chunk.offset, of: chunk.total)
        if blob.outstanding.isEmpty, blob.lost.isEmpty, blob.asked >= chunk.total {
            drop(chunk.digest)
            guard Digest.sha256(of: blob.bytes) == chunk.digest else { return .damaged }
            complete[chunk.digest] = blob.bytes
            return .completed
        }
        partial[chunk.digest] = blob
        return .stored
    }

    private mutating func makeRoom(
        for total: Int, keeping digests: @autoclosure () -> Set<Digest>
    ) -> Bool {
        guard total <= Self.limit else { return false }
        let excess = promised + total - capacity
        guard excess > 0 else { return true }
        trim(keeping: digests(), above: complete.values.reduce(0) { $0 + $1.count } - excess)
        return promised + total <= capacity
    }

    /// Wants a blob no more; what has arrived of it is gone.
    private mutating func drop(_ digest: Digest) {
        partial[digest] = nil
        queue.removeAll { $0 == digest }
    }

    /// Asks again for what was on its way: it died with the connection. What has arrived stays.
    mutating func restart() {
        for digest in queue {
            guard var blob = partial[digest] else { continue }
            blob.lost = (blob.lost + blob.outstanding).sorted(by: >)
            blob.outstanding = []
            partial[digest] = blob
        }
    }

    /// Wants nothing any more but this: another coordinator may not have the rest.
    mutating func want(only digest: Digest) {
        for other in queue where other != digest { partial[other] = nil }
        queue.removeAll { $0 != digest }
        want(digest)
    }

    /// Drops complete blobs that are not listed, once their bytes exceed `limit`.
    mutating func trim(keeping digests: Set<Digest>, above limit: Int) {
        var total = complete.values.reduce(0) { $0 + $1.count }
        guard total > limit else { return }
        for digest in complete.keys.sorted() where !digests.contains(digest) && total > limit {
            total -= complete.removeValue(forKey: digest)?.count ?? 0
        }
    }
}
