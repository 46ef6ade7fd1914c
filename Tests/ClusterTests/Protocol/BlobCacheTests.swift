// SPDX-License-Identifier: Apache-2.0

import Storage
import TestSupport
import Testing

@testable import Cluster

@Suite struct BlobCacheTests {
    private static let limit = BlobChunk.limit

    private func blob(_ count: Int, _ byte: UInt8) -> [UInt8] {
        var bytes = [UInt8](repeating: byte, count: count)
        if count > 0 { bytes[count / 2] = ~byte }
        return bytes
    }

    private func chunk(_ range: BlobRange, of bytes: [UInt8]) -> BlobChunk {
        let end = min(range.offset + range.length, bytes.count)
        return BlobChunk(
            digest: range.digest, offset: range.offset, total: bytes.count,
            bytes: Array(bytes[range.offset..<end]))
    }

    @Test func theFirstChunkTellsTheLength() {
        let bytes = blob(2 * Self.limit + 5, 1)
        let digest = Digest.sha256(of: bytes)
        var cache = BlobCache()
        cache.want(digest)
        cache.want(digest)
        let first = BlobRange(digest: digest, offset: 0, length: Self.limit)
        #expect(cache.requests() == [first])
        #expect(cache.requests() == [])
        #expect(cache.store(chunk(first, of: bytes)) == .stored)
        let rest = cache.requests()
        #expect(
            rest == [
                BlobRange(digest: digest, offset: Self.limit, length: Self.limit),
                BlobRange(digest: digest, offset: 2 * Self.limit, length: 5),
            ])
        #expect(cache.store(chunk(rest[1], of: bytes)) == .stored)
        #expect(cache.store(chunk(rest[0], of: bytes)) == .completed)
        #expect(cache[digest] == bytes)
        #expect(cache.isIdle)
    }

    @Test func anyOrderOfChunksGivesTheBlobs() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<8 { transfer(&generator) }
    }

    /// Moves random blobs through a cache, chunks in any order, some twice, with a restart now and
    /// then.
    private func transfer(_ generator: inout SeededGenerator) {
        var blobs: [Digest: [UInt8]] = [:]
        for index in 0..<UInt8.random(in: 1...4, using: &generator) {
            let size =
                [1, 9, Self.limit - 1, Self.limit, Self.limit + 1, 3 * Self.limit]
                .randomElement(using: &generator) ?? 1
            let bytes = blob(size, index)
            blobs[Digest.sha256(of: bytes)] = bytes
        }
        let window = Int.random(in: 1...5, using: &generator)
        var cache = BlobCache(window: window)
        for digest in blobs.keys.sorted() { cache.want(digest) }
        var asked: [BlobRange] = []
        var restarts = 2
        while !cache.isIdle {
            asked += cache.requests()
            #expect(asked.count <= window, "seed \(TestSeed.value)")
            guard let next = asked.indices.randomElement(using: &generator) else {
                Issue.record("nothing is asked for")
                return
            }
            if restarts > 0, Int.random(in: 0..<6, using: &generator) == 0 {
                restarts -= 1
                cache.restart()
                asked = []
                continue
            }
            let range = asked.remove(at: next)
            let arrived = chunk(range, of: blobs[range.digest] ?? [])
            #expect(cache.store(arrived) != .damaged)
            if Bool.random(using: &generator) { #expect(cache.store(arrived) == .ignored) }
        }
        for (digest, bytes) in blobs { #expect(cache[digest] == bytes) }
    }

    @Test func unaskedAndOddChunksAreIgnored() {
        let bytes = blob(Self.limit + 9, 3)
        let digest = Digest.sha256(of: bytes)
        var cache = BlobCache()
        let whole = BlobRange(digest: digest, offset: 0, length: Self.limit)
        #expect(cache.store(chunk(whole, of: bytes)) == .ignored)
        cache.want(digest)
        #expect(cache.store(chunk(whole, of: bytes)) == .ignored)
        _ = cache.requests()
        var odd = chunk(whole, of: bytes)
        odd.bytes.removeLast()
        #expect(cache.store(odd) == .ignored)
        odd = chunk(whole, of: bytes)
        for total in [0, Self.limit - 1] {
            odd.total = total
            #expect(cache.store(odd) == .ignored)
        }
        #expect(cache.store(chunk(whole, of: bytes)) == .stored)
        var second = chunk(
            BlobRange(digest: digest, offset: Self.limit, length: 9), of: bytes)
        _ = cache.requests()
        second.total += 1
        #expect(cache.store(second) == .ignored)
        second.total -= 1
        #expect(cache.store(second) == .completed)
    }

    /// A promise takes no memory; what arrives takes at most twice its bytes beside the first
    /// reservation, in any order.
    @Test func memoryGrowsWithWhatArrives() {
        let total = BlobCache.limit
        let digest = Digest.sha256(of: "never complete")
        var cache = BlobCache()
        cache.want(digest)
        var asked = cache.requests()
        var arrived = 0
        for turn in 0..<200 {
            let range = asked.remove(at: turn % 3 == 0 ? 0 : asked.count - 1)
            let bytes = [UInt8](repeating: 1, count: range.length)
            let chunk = BlobChunk(digest: digest, offset: range.offset, total: total, bytes: bytes)
            #expect(cache.store(chunk) == .stored)
            arrived += range.length
            asked += cache.requests()
            #expect(
                cache.allocatedBytes <= BlobCache.firstReservation + 2 * arrived + Self.limit,
                "\(turn)")
        }
    }

    @Test func completeBlobsTakeNoMoreThanTheirBytes() {
        let bytes = blob(20 * Self.limit + 1, 7)
        let digest = Digest.sha256(of: bytes)
        var cache = BlobCache()
        cache.want(digest)
        while !cache.isIdle {
            for range in cache.requests().reversed() { _ = cache.store(chunk(range, of: bytes)) }
        }
        #expect(cache[digest] == bytes)
        #expect(cache.allocatedBytes < bytes.count + Self.limit / 8)
    }

    @Test func whatDoesNotFitIsNotWanted() {
        var cache = BlobCache(capacity: 3 * Self.limit)
        let (old, kept) = (blob(Self.limit, 1), blob(Self.limit, 2))
        let digests = [old, kept].map { Digest.sha256(of: $0) }
        for (digest, bytes) in zip(digests, [old, kept]) {
            cache.want(digest)
            for range in cache.requests() { _ = cache.store(chunk(range, of: bytes)) }
        }
        let large = blob(2 * Self.limit, 3)
        let digest = Digest.sha256(of: large)
        for keeping in [Set(digests), [digests[1]]] {
            cache.want(digest)
            let first = cache.requests()[0]
            let arrival = cache.store(chunk(first, of: large), keeping: keeping)
            #expect(arrival == (keeping.count == 2 ? .tooLarge : .stored))
            #expect(cache.isIdle == (arrival == .tooLarge))
        }
        #expect(cache[digests[0]] == nil && cache[digests[1]] == kept)
        // No single one beyond the limit either.
        var empty = BlobCache(capacity: .max)
        empty.want(digest)
        var first = chunk(empty.requests()[0], of: large)
        first.total = BlobCache.limit + 1
        #expect(empty.store(first) == .tooLarge && empty.isIdle)
    }

    @Test func damageIsSeenAtTheEndAndCanBeMended() {
        let bytes = blob(Self.limit + 9, 4)
        let digest = Digest.sha256(of: bytes)
        var cache = BlobCache()
        for isDamaged in [true, false] {
            cache.want(digest)
            var outcome = BlobCache.Arrival.ignored
            while !cache.isIdle {
                for range in cache.requests() {
                    var arrived = chunk(range, of: bytes)
                    if isDamaged, range.offset == 0 { arrived.bytes[77] ^= 0x10 }
                    outcome = cache.store(arrived)
                }
            }
            #expect(outcome == (isDamaged ? .damaged : .completed))
            #expect((cache[digest] == nil) == isDamaged)
        }
    }

    @Test func trimmingKeepsWhatIsListed() {
        var cache = BlobCache()
        let blobs = (0..<5).map { blob(10, $0) }
        let digests = blobs.map { Digest.sha256(of: $0) }
        for (digest, bytes) in zip(digests, blobs) {
            cache.want(digest)
            for range in cache.requests() { _ = cache.store(chunk(range, of: bytes)) }
        }
        cache.trim(keeping: [], above: 50)
        #expect(digests.allSatisfy { cache[$0] != nil })
        cache.trim(keeping: Set(digests.prefix(2)), above: 35)
        #expect(digests.count { cache[$0] != nil } == 3)
        cache.trim(keeping: Set(digests.prefix(2)), above: 0)
        #expect(digests.map { cache[$0] != nil } == [true, true, false, false, false])
    }
}
