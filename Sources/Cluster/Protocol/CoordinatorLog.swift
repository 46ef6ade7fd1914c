package import Calibration

/// Why a worker was given up.
package enum WorkerLoss: Hashable, Sendable, CustomStringConvertible {
    case disconnected
    case leaseExpired
    case left(String)
    case greetedAgain
    case malformed(WireError)
    /// Its key was taken off the allow-list.
    case keyRevoked

    /// The worker said so itself.
    package var isOrderly: Bool { if case .left = self { true } else { false } }

    package var description: String {
        switch self {
        case .disconnected: "connection lost"
        case .leaseExpired: "lease expired"
        case .left(let reason): "left (\(reason))"
        case .greetedAgain: "greeted again"
        case .malformed(let error): "malformed message: \(error)"
        case .keyRevoked: "key revoked"
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
}

/// A shard no worker can compute.
package struct CoordinatorFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var round: Int
    package var shard: Shard
    package var attempts: Int
    package var reason: String

    package var description: String {
        "round \(round), shard \(shard.index) (images \(shard.images)) failed \(attempts) times, "
            + "last: \(reason)"
    }
}
