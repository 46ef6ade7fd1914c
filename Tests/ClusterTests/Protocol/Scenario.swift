// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Storage
import TestSupport

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

    /// What is known of a worker on its own host, with a key of its own or none.
    static func account(
        _ worker: WorkerID, host: String? = nil, hasKey: Bool = false
    ) -> Account {
        let key = hasKey ? Credentials(key: "key-\(worker.number)") : .none
        return Account(worker, hello(host ?? "host-\(worker.number)"), key)
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

    static func context(images: Int, shape: ResultShape? = nil) -> RoundContext {
        RoundContext(
            network: network, quantized: nil, biases: biases, images: (0..<images).map(image),
            shape: shape)
    }

    static func opening(
        _ index: Int, shards: Int, shape: ResultShape? = nil
    ) -> CoordinatorCore.Event {
        .opened(round(index, shards: shards), context(images: shards, shape: shape))
    }

    /// One number of four bytes for each image.
    static let numbers: ResultShape = {
        var small = SmallNetwork(input: TensorShape(height: 1, width: 1, channels: 1), seed: 1)
        small.convolve(0, channels: 1)
        return ResultShape(of: .teacher, in: small.network().graph)
    }()
    /// Bytes of a result that has this shape, and makes no sense.
    static let nan: [UInt8] = [255, 255, 255, 255]

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
    static func serving(
        _ workers: WorkerID..., lease: Duration = .seconds(4), hasKeys: Bool = false
    ) -> CoordinatorCore {
        var core = Scenario.coordinator(lease: lease)
        for worker in workers { core.join(Scenario.account(worker, hasKey: hasKeys)) }
        return core
    }

    /// A worker greets, is welcomed and answers.
    @discardableResult
    mutating func join(_ account: Account, at time: Int = 0) -> [Action] {
        _ = step(.received(account.worker, .hello(account.hello), account.credentials), at: time)
        return step(.received(account.worker, .heartbeat(progress: 0)), at: time)
    }
}

extension CoordinatorCore.Action {
    /// Sends a first attempt.
    static func task(_ worker: WorkerID, _ round: Int, _ shard: Int, attempt: Int = 0) -> Self {
        .send(worker, .task(Scenario.task(round, shard, attempt: attempt)))
    }

    static func lost(_ worker: WorkerID, _ cause: WorkerLoss, shards: [Int]) -> Self {
        .lost(Scenario.account(worker), cause, shards: shards)
    }

    static func lost(_ account: Account, _ cause: WorkerLoss, shards: [Int]) -> Self {
        .log(.workerLost(account, cause, shards: shards))
    }

    static func ignored(_ worker: WorkerID, _ id: TaskID, _ reason: IgnoredResult) -> Self {
        .log(.resultIgnored(worker, id, reason))
    }
}

extension [CoordinatorCore.Action] {
    /// A heartbeat's sender is a worker now, gets its tasks and then the answer.
    static func admitted(_ account: Account, _ tasks: Self) -> Self {
        [.log(.workerAdmitted(account))] + tasks
            + [.send(account.worker, .heartbeat(progress: 0))]
    }
}
