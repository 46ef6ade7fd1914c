// SPDX-License-Identifier: Apache-2.0

package import Calibration

/// Why a worker was given up.
package enum WorkerLoss: Hashable, Sendable, CustomStringConvertible {
    case disconnected
    case leaseExpired
    /// It holds shards, is alive, and finishes none.
    case computeHung
    /// Said goodbye, with this reason.
    case left(String)
    /// On the same connection, as another.
    case greetedAgain
    /// Its frames were no message, or one that a worker may not send.
    case malformed(WireError)
    /// Its key was taken off the allow-list.
    case keyRevoked
    /// Its results are wrong.
    case quarantined

    /// The worker said so itself.
    package var isOrderly: Bool { if case .left = self { true } else { false } }

    package var description: String {
        switch self {
        case .disconnected: "connection lost"
        case .leaseExpired: "lease expired"
        case .computeHung: "compute hung"
        case .left(let reason): "left (\(reason))"
        case .greetedAgain: "greeted again"
        case .malformed(let error): "malformed message: \(error)"
        case .keyRevoked: "key revoked"
        case .quarantined: "quarantined"
        }
    }
}

/// Named events an operator can look for.
package enum CoordinatorLog: Hashable, Sendable {
    /// A welcomed worker has answered and may be given work.
    case workerAdmitted(Account)
    /// A greeting was answered with a refusal.
    case workerRefused(Account, reason: String)
    /// Given up; `shards` are those it held of the open round.
    case workerLost(Account, WorkerLoss, shards: [Int])
    /// A result does not count.
    case resultIgnored(WorkerID, TaskID, IgnoredResult)
    /// A worker says that it cannot compute a shard.
    case shardFailed(WorkerID, TaskID, reason: String)
    /// The first tasks of a round go out.
    case roundOpened(Round)
    /// For so long nobody has been there to work; repeated every 10 seconds.
    case noWorkers(since: Duration)
    /// A further worker computes a shard that takes too long.
    case stragglerDuplicated(round: Int, shard: Int, from: WorkerID, to: WorkerID)
    /// The coordinator computes a shard itself.
    case computingHere(round: Int, shard: Int, ComputingHere)
    /// After a quarantine nobody is left: the coordinator goes on by itself.
    case computingAlone
    /// Two computations of a shard gave other bits; the coordinator computes it itself to tell who
    /// is right. Nil stands for the coordinator.
    case resultsDiffer(round: Int, shard: Int, [Account?])
    /// Its result of this shard is not the coordinator's own: it is shut out for good.
    case workerQuarantined(Account, round: Int, shard: Int)
    /// A quarantined worker's results are in earlier rounds, which are run again.
    case startingOver(Account)
}

/// Why a result does not count.
package enum IgnoredResult: String, Hashable, Sendable, CaseIterable {
    /// Of another job, incarnation or round, or computed with other biases.
    case stale
    /// The attempt is answered already, or the shard is done and this says the same.
    case duplicate
    /// The attempt was given to another key.
    case foreign
}

/// Why the coordinator computes a shard that is not in doubt between workers.
package enum ComputingHere: String, Hashable, Sendable {
    case implausible = "a result that no computation should give"
    case unreduced = "the round's results make no sense together"
    case overdue = "whoever holds it does not finish"
    case failed = "workers fail at it"
    case lost = "workers are lost over it"
}

/// A shard no worker can compute.
package struct CoordinatorFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 0.
    package var round: Int
    /// The shard and the positions of its images in the round.
    package var shard: Shard
    /// Failures, the coordinator's own included, or workers lost over it.
    package var attempts: Int
    /// Of the latest attempt.
    package var reason: String
    /// Of the shard's images, in its order; empty where only positions are known.
    package var names: [String] = []

    package var description: String {
        let images =
            names.isEmpty
            ? shard.images.map { "\($0)" }
            : zip(names, shard.images).map { "\($0) at position \($1)" }
        return "round \(round), shard \(shard.index) (images: \(images.joined(separator: ", "))) "
            + "failed \(attempts) times, last: \(reason)"
    }
}
