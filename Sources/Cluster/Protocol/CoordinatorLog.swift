package import Calibration

/// Why a worker was given up.
package enum WorkerLoss: Hashable, Sendable, CustomStringConvertible {
    case disconnected
    case leaseExpired
    /// It holds shards, is alive, and finishes none.
    case computeHung
    case left(String)
    case greetedAgain
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
    case workerAdmitted(WorkerID, Hello)
    case workerRefused(WorkerID, Hello, reason: String)
    case workerLost(WorkerID, Hello, WorkerLoss, shards: [Int])
    case resultIgnored(WorkerID, TaskID, reason: String)
    case shardFailed(WorkerID, TaskID, reason: String)
    case roundOpened(Round)
    case noWorkers(since: Duration)
    /// A second worker computes a shard that takes too long.
    case stragglerDuplicated(round: Int, shard: Int, from: WorkerID, to: WorkerID)
    /// Two computations of a shard gave other bits; the coordinator computes it itself to tell who is right.
    case resultsDiffer(round: Int, shard: Int, [Hello])
    case workerQuarantined(Hello, round: Int, shard: Int)
    /// A quarantined worker's results are in earlier rounds, which are run again.
    case startingOver(Hello)
}

/// A shard no worker can compute.
package struct CoordinatorFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var round: Int
    package var shard: Shard
    package var attempts: Int
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
