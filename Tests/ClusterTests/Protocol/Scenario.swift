import Calibration
import Storage

@testable import Cluster

/// The values transcripts are made of: one job, one network, rounds of single-image shards.
enum Scenario {
    static let job = Digest.sha256(of: "job")
    static let network = Digest.sha256(of: "network blob")
    static let golden = Digest.sha256(of: "golden")
    static let biases: [UInt8] = [1, 0, 0, 0]
    static let epoch: UInt64 = 3
    static let a = WorkerID(1)
    static let b = WorkerID(2)
    static let c = WorkerID(3)

    static func coordinator(lease: Duration = .seconds(4)) -> CoordinatorCore {
        CoordinatorCore(
            job: job, epoch: epoch, network: network, golden: golden,
            limits: CoordinatorLimits(lease: lease))
    }

    static func hello(_ host: String = "a", golden: Digest = golden) -> Hello {
        Hello(golden: golden, host: host, process: 7, threads: 2, isa: "portable", build: "test")
    }

    static let welcome = Welcome(
        job: job, epoch: epoch, network: network, shardLease: .seconds(60))

    static func round(_ index: Int, shards: Int) -> Round {
        Round(
            index: index, kind: .layerSums(layer: index, match: .pre),
            shards: Shard.cut(count: shards, size: 1))
    }

    static func image(_ index: Int) -> ImageReference {
        ImageReference(digest: Digest.sha256(of: "image \(index)"), isTensor: false)
    }

    static func taskImage(_ index: Int, hasTarget: Bool = false) -> TaskImage {
        TaskImage(
            position: index, reference: image(index),
            target: hasTarget ? Digest.sha256(of: "target \(index)") : nil)
    }

    static func context(images: Int) -> RoundContext {
        RoundContext(
            network: network, quantized: nil, biases: biases, images: (0..<images).map(image))
    }

    static func opening(_ index: Int, shards: Int) -> CoordinatorCore.Event {
        .opened(round(index, shards: shards), context(images: shards))
    }

    static func id(_ round: Int, _ shard: Int, attempt: Int = 0, epoch: UInt64 = epoch) -> TaskID {
        TaskID(job: job, epoch: epoch, round: round, shard: shard, attempt: attempt)
    }

    static func task(
        _ round: Int, _ shard: Int, attempt: Int = 0, epoch: UInt64 = epoch
    ) -> TaskMessage {
        TaskMessage(
            id: id(round, shard, attempt: attempt, epoch: epoch),
            kind: .layerSums(layer: round, match: .pre), images: [taskImage(shard)],
            network: network, quantized: nil, biases: biases)
    }

    static func result(
        _ round: Int, _ shard: Int, attempt: Int = 0, epoch: UInt64 = epoch,
        biases: [UInt8] = biases, payload: [UInt8]? = nil
    ) -> ShardResult {
        ShardResult(
            id: id(round, shard, attempt: attempt, epoch: epoch),
            biases: Digest.sha256(of: biases), payload: payload ?? [UInt8(shard)])
    }
}

extension CoordinatorCore {
    /// One step, with the time in milliseconds.
    mutating func step(_ event: Event, at time: Int = 0) -> [Action] {
        handle(event, at: .milliseconds(time))
    }

    /// A core with workers that have greeted, in this order.
    static func serving(_ workers: WorkerID..., lease: Duration = .seconds(4)) -> CoordinatorCore {
        var core = Scenario.coordinator(lease: lease)
        for worker in workers {
            _ = core.step(.received(worker, .hello(Scenario.hello("host-\(worker.number)"))))
        }
        return core
    }
}

extension CoordinatorCore.Action {
    /// Sends a first attempt.
    static func task(_ worker: WorkerID, _ round: Int, _ shard: Int, attempt: Int = 0) -> Self {
        .send(worker, .task(Scenario.task(round, shard, attempt: attempt)))
    }

    static func lost(_ worker: WorkerID, _ cause: WorkerLoss, shards: [Int]) -> Self {
        .log(
            .workerLost(worker, Scenario.hello("host-\(worker.number)"), cause, shards: shards))
    }

    static func ignored(_ worker: WorkerID, _ id: TaskID, _ reason: String) -> Self {
        .log(.resultIgnored(worker, id, reason: reason))
    }
}
