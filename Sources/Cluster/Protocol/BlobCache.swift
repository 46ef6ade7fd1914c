import Storage

/// Content-addressed blobs of a worker: complete ones, and those that arrive chunk by chunk.
struct BlobCache: Hashable, Sendable {
    /// A blob on its way.
    private struct Partial: Hashable {
        var bytes: [UInt8] = []
        var total: Int?
        /// First byte not asked for yet.
        var asked = 0
        /// Ranges asked for and not here yet.
        var outstanding: Set<Int> = []
        /// Ranges whose answers died with a connection, to be asked for again, last one first.
        var lost: [Int] = []
    }

    /// Largest blob a worker accepts.
    static let limit = 2 << 30

    private var complete: [Digest: [UInt8]] = [:]
    private var partial: [Digest: Partial] = [:]
    /// Digests in the order of their first want.
    private var queue: [Digest] = []
    /// Chunks asked for at a time, over all blobs.
    let window: Int

    init(window: Int = 16) { self.window = window }

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

    enum Arrival: Hashable { case ignored, stored, completed, damaged }

    mutating func store(_ chunk: BlobChunk) -> Arrival {
        guard var blob = partial[chunk.digest], blob.outstanding.contains(chunk.offset),
            chunk.total > 0, chunk.total <= Self.limit, blob.total ?? chunk.total == chunk.total,
            chunk.offset + chunk.bytes.count <= chunk.total,
            chunk.bytes.count == min(BlobChunk.limit, chunk.total - chunk.offset)
        else { return .ignored }
        if blob.total == nil {
            blob.total = chunk.total
            blob.bytes = [UInt8](repeating: 0, count: chunk.total)
        }
        partial[chunk.digest] = nil
        blob.outstanding.remove(chunk.offset)
        blob.bytes.replaceSubrange(
            chunk.offset..<chunk.offset + chunk.bytes.count, with: chunk.bytes)
        if blob.outstanding.isEmpty, blob.lost.isEmpty, blob.asked >= chunk.total {
            queue.removeAll { $0 == chunk.digest }
            guard Digest.sha256(of: blob.bytes) == chunk.digest else { return .damaged }
            complete[chunk.digest] = blob.bytes
            return .completed
        }
        partial[chunk.digest] = blob
        return .stored
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
