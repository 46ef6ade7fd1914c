// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import TestSupport

/// A mistake in the coordinator that the simulation has to notice.
enum PlantedBug: CaseIterable {
    /// Results are added up as they come in.
    case arrivalOrder
    /// A result that comes twice counts twice.
    case noDeduplication
    /// Results of an earlier incarnation count.
    case noEpochCheck
    /// Tasks of the next round go out before the last one is durable.
    case broadcastBeforeSync
    /// Silent workers keep their shards.
    case noLease
    /// Who a peer is, is its own word.
    case claimedIdentity

    func reduce(
        _ results: [[UInt8]], arrivals: [(shard: Int, payload: [UInt8])]
    ) -> [[UInt8]] {
        switch self {
        case .arrivalOrder:
            var seen: Set<Int> = []
            return arrivals.filter { seen.insert($0.shard).inserted }.map(\.payload)
        case .noDeduplication:
            return arrivals.map(\.payload)
        case .noEpochCheck, .broadcastBeforeSync, .noLease, .claimedIdentity:
            return results
        }
    }
}

/// Everything a seed decides before a run starts. Times are in milliseconds.
struct SimulationPlan {
    let seed: UInt64
    var variant: SimulatedJob.Variant
    var workers: Int
    /// Faults come until then, unless the job is finished before.
    var faultsEnd: Int
    /// When the first workers start.
    var workersStart = 0...8_000
    /// Longest wait between two faults.
    var faultGap: Int
    var maximumDelay: Int
    /// Share of messages that arrive once more, late.
    var duplicates: Double
    /// Share of computations that fail.
    var failures: Double
    var maximumComputing: Int
    var lease = 4_000
    var shardLease = 12_000
    /// Share of shards computed twice.
    var audit: Double
    /// The first worker's results are wrong.
    var hasLiar: Bool
    /// Every worker has a key of its own; otherwise none has.
    var hasKeys: Bool
    /// Connections of a peer with a key of its own that does what it can to spoil the job; 0 for no
    /// such peer.
    var adversaries: Int
    /// Share of checkpoints during which the machine dies or the disk is full.
    var diskFaults: Double
    var bug: PlantedBug?

    /// Time the job has to finish once faults have stopped.
    static let patience = 60_000

    init(seed: UInt64, variant: SimulatedJob.Variant) {
        var generator = SeededGenerator(seed: seed)
        self.seed = seed
        self.variant = variant
        workers = Int.random(in: 1...4, using: &generator)
        faultsEnd = Int.random(in: 0...20_000, using: &generator)
        faultGap = Int.random(in: 200...3_000, using: &generator)
        maximumDelay = [2, 30, 400, 1_500].randomElement(using: &generator) ?? 2
        duplicates = [0, 0.02, 0.2].randomElement(using: &generator) ?? 0
        failures = [0, 0.05].randomElement(using: &generator) ?? 0
        maximumComputing = [20, 300, 1_500].randomElement(using: &generator) ?? 20
        audit = [0, 0, 0.3, 1].randomElement(using: &generator) ?? 0
        hasLiar = audit == 1 && workers > 1 && Bool.random(using: &generator)
        diskFaults = [0, 0.05, 0.2].randomElement(using: &generator) ?? 0
        hasKeys = Bool.random(using: &generator)
        adversaries = hasKeys ? [0, 0, 1, 3].randomElement(using: &generator) ?? 0 : 0
    }

    /// Nothing happens but delays.
    var undisturbed: SimulationPlan {
        var plan = self
        plan.faultsEnd = 0
        (plan.hasLiar, plan.adversaries) = (false, 0)
        plan.diskFaults = 0
        (plan.duplicates, plan.failures) = (0, 0)
        return plan
    }
}

/// A broken promise, and how to see it again.
struct SimulationFailure: Error, CustomStringConvertible {
    var seed: UInt64
    var time: Int
    var reason: String

    var description: String { "COUNTERBIAS_SEED=\(seed), at \(time) ms: \(reason)" }
}
