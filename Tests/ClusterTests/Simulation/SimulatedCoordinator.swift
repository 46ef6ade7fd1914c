// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import JobState
import Quantization
import Storage
import TestSupport

@testable import Cluster

/// A coordinator process: the real core, the real job, blobs to serve and a checkpoint as bytes.
struct SimulatedCoordinator {
    let simulated: SimulatedJob
    private(set) var job: CalibrationJob
    private(set) var core: CoordinatorCore
    private(set) var epoch: UInt64
    private(set) var isFinished = false
    private var blobs: JobBlobs
    var completed: [[UInt8]]?
    var mustStartOver = false
    /// A round whose results are to be checked before they count.
    var doubted: Int?
    /// Whether the open round's have been.
    var isChecked = false
    /// Results of the open round in the order they came in, duplicates included.
    var arrivals: [(shard: Int, payload: [UInt8])] = []

    private var store: JobStore

    /// - Throws: when the checkpoints cannot be read, which the disk does not allow for.
    init(
        _ simulated: SimulatedJob, disk: SimulatedFileSystem, limits: CoordinatorLimits
    ) throws {
        self.simulated = simulated
        store = JobStore(directory: "out", fileSystem: disk)
        try disk.createDirectories("out")
        let checkpoint = try store.load()?.checkpoint
        job = try simulated.job(resuming: checkpoint?.progress ?? .init())
        epoch = (checkpoint?.epoch ?? 0) + 1
        blobs = try JobBlobs(
            network: simulated.networkBlob, images: simulated.references, job: job)
        core = CoordinatorCore(
            job: simulated.digest, epoch: epoch, network: blobs.network,
            golden: SimulatedWorker.golden, limits: limits, isResumed: job.progress.rounds > 0)
    }

    mutating func handle(
        _ event: CoordinatorCore.Event, at time: Int
    ) -> [CoordinatorCore.Action] {
        if case .received(_, .result(let result), _) = event, isCurrent(result) {
            arrivals.append((result.id.shard, result.payload))
        }
        return core.handle(event, at: .milliseconds(time))
    }

    private func isCurrent(_ result: ShardResult) -> Bool {
        result.id.epoch == epoch && result.id.round == job.progress.rounds
    }

    mutating func save() throws {
        try store.save(
            JobCheckpoint(
                job: simulated.digest, epoch: epoch, progress: job.progress, configuration: "test"))
    }

    /// What the driver does when a liar's results are in earlier rounds.
    mutating func startOver() throws -> [CoordinatorCore.Action] {
        job = try job.restarted()
        epoch += 1
        try blobs.update(with: job)
        mustStartOver = false
        completed = nil
        return core.handle(.startedOver(epoch: epoch), at: .zero)
    }

    /// The event that opens the next round; nil when there is none.
    mutating func nextRound() -> CoordinatorCore.Event? {
        (arrivals, isChecked) = ([], false)
        guard let round = job.nextRound else {
            isFinished = true
            return nil
        }
        return .opened(round, blobs.context(of: round, in: job))
    }

    mutating func complete(_ results: [[UInt8]]) throws {
        try job.complete(results)
        try blobs.update(with: job)
    }

    func chunk(_ range: BlobRange) -> Message? { blobs.chunk(range).map { .chunk($0) } }
}
