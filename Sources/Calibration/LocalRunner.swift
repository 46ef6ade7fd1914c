// SPDX-License-Identifier: Apache-2.0

import Dispatch
package import NetworkGraph
import Quantization
import Synchronization

/// Runs the rounds of a job in this process, without blobs and messages; results have the bits that
/// workers give.
package struct LocalRunner {
    /// What computes; a shard goes to one of them.
    package let computers: [ShardComputer]
    private let images: [InputPayload]
    private let shape: TensorShape

    /// - Parameters:
    ///   - network: the job's float network; packed here, once for every computer.
    ///   - encoding: from pixels to values.
    ///   - images: the job's pool, in order.
    ///   - threads: of each computer, which split the images of a shard; at least one computer.
    ///     Several work on different shards at the same time.
    package init(
        network: FloatNetwork, encoding: InputEncoding, images: [InputPayload],
        threads: [Int] = [1]
    ) {
        precondition(!threads.isEmpty)
        computers = threads.map {
            ShardComputer(network: network, encoding: encoding, threads: $0)
        }
        self.images = images
        shape = network.graph.inputs[0].shape
    }

    /// Runs the next round of a job and completes it.
    /// - Parameters:
    ///   - job: of this network and pool. A job that goes on from a checkpoint is ``load(_:)``ed
    ///     before its first round here.
    ///   - computer: number of who computes a shard, asked once; counts on from 0 behind the
    ///     last.
    /// - Returns: the round and its results in the order of its shards; nil where none is left.
    /// - Throws: ``CalibrationError`` of the first shard that fails, or what ends the job.
    @discardableResult
    package func step(
        _ job: inout CalibrationJob, computer: (Int) -> Int = { $0 }
    ) throws -> (round: Round, results: [[UInt8]])? {
        guard let round = job.nextRound else { return nil }
        let results = try results(of: round, in: job, computer: computer)
        try job.complete(results)
        if !round.kind.needsQuantizedNetwork { try load(job) }
        return (round, results)
    }

    /// Gives all computers the job's integer network, once there is one.
    /// - Throws: ``CalibrationError`` for a job of another network.
    package func load(_ job: CalibrationJob) throws(CalibrationError) {
        guard let quantized = job.quantized else { return }
        for computer in computers { try computer.load(quantized) }
    }

    private func results(
        of round: Round, in job: CalibrationJob, computer: (Int) -> Int
    ) throws -> [[UInt8]] {
        let tasks = round.shards.map { shard in
            ShardTask(
                kind: round.kind, shard: shard, biases: job.biases ?? BiasState(layers: []),
                round: round.index,
                rescaling: round.kind.needsRescaling ? job.equalization?.rescaling : nil)
        }
        let inputs = RoundInputs(
            images: job.images(of: round.kind, in: images) {
                $0.mirrored(width: shape.width, channels: shape.channels)
            }, targets: job.targets)
        let takers = tasks.map { computer($0.shard.index) % computers.count }
        let lanes = computers.indices.map { lane in
            Lane(
                computer: computers[lane], places: tasks.indices.filter { takers[$0] == lane })
        }
        let results = Mutex([Result<[UInt8], any Error>?](repeating: nil, count: tasks.count))
        DispatchQueue.concurrentPerform(iterations: lanes.count) { number in
            let lane = lanes[number]
            for place in lane.places {
                let result = Result { try inputs.compute(tasks[place], by: lane.computer) }
                results.withLock { $0[place] = result }
            }
        }
        return try results.withLock { try $0.compactMap { try $0?.get() } }
    }
}

/// A computer and the shards it takes, by their place in the round.
private struct Lane: @unchecked Sendable {
    // Sendable: no two lanes have the same computer.
    let computer: ShardComputer
    let places: [Int]
}

/// What the shards of a round take their parts of.
private struct RoundInputs: Sendable {
    let images: [InputPayload]
    /// Nil in rounds without a loss.
    let targets: [TuningTarget]?

    func compute(_ task: ShardTask, by computer: ShardComputer) throws -> [UInt8] {
        try computer.compute(
            task, images: task.shard.images.map { images[$0] },
            targets: targets.map { targets in task.shard.images.map { targets[$0] } } ?? [])
    }
}
