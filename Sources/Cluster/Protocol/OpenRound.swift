import Calibration
import Storage

/// The round in work: what is pending, what has come back.
struct OpenRound: Hashable, Sendable {
    let round: Round
    let context: RoundContext
    /// Shards nobody holds, in order.
    private(set) var pending: [Int]
    private(set) var results: [[UInt8]?]
    private(set) var missing: Int
    /// Failed attempts of each shard.
    private(set) var attempts: [Int]

    init(round: Round, context: RoundContext) {
        self.round = round
        self.context = context
        pending = Array(round.shards.indices)
        results = [[UInt8]?](repeating: nil, count: round.shards.count)
        missing = round.shards.count
        attempts = [Int](repeating: 0, count: round.shards.count)
    }

    /// Takes a shard from the pending ones and makes its task.
    mutating func assign(
        _ shard: Int, job: Digest, epoch: UInt64
    ) -> (message: TaskMessage, images: [Int])? {
        guard let position = pending.firstIndex(of: shard) else { return nil }
        pending.remove(at: position)
        let images = round.shards[shard].images
        let id = TaskID(
            job: job, epoch: epoch, round: round.index, shard: shard, attempt: attempts[shard])
        let message = TaskMessage(
            id: id, kind: round.kind,
            images: images.map { position in
                TaskImage(
                    position: position, reference: context.images[position],
                    target: context.targets?[position])
            }, network: context.network,
            quantized: context.quantized, biases: context.biases)
        return (message, images)
    }

    /// Puts a shard that was lost back; a shard that is done stays done.
    /// - Returns: failed attempts so far, or nil if the shard was not out.
    mutating func requeue(_ shard: Int) -> Int? {
        guard results.indices.contains(shard), results[shard] == nil, !pending.contains(shard)
        else {
            return nil
        }
        attempts[shard] += 1
        pending.insert(shard, at: pending.firstIndex { $0 > shard } ?? pending.endIndex)
        return attempts[shard]
    }

    mutating func record(_ result: ShardResult) {
        guard results[result.id.shard] == nil else { return }
        results[result.id.shard] = result.payload
        missing -= 1
        // A late answer to an attempt that was given up settles the shard all the same.
        pending.removeAll { $0 == result.id.shard }
    }
}
