// SPDX-License-Identifier: Apache-2.0

/// Why a connection did not become one on which messages flow, as a worker sees it.
package enum Rejection: Hashable, Sendable {
    /// Nobody answered: there is no coordinator, or it is about to end.
    case nobody
    /// Whoever listens answered and then ended the handshake. A coordinator does so when its public
    /// key is another than the worker has.
    case brokenOff
    /// The worker's key is not admitted.
    case keyNotAdmitted
    /// One side has keys and the other has none.
    case mechanismMismatch
    /// What listens speaks another protocol.
    case foreign
}

/// Refusals in a row, and how long to rest after each: twice as long every time, up to a bound.
struct RefusalRow: Hashable, Sendable {
    private(set) var count = 0
    private var rested: Duration = .zero

    /// - Returns: how long to rest before the next attempt; nil when it is time to give up.
    mutating func next(_ limits: WorkerLimits) -> Duration? {
        guard rested < limits.refusals else { return nil }
        let rest = min(limits.shortestRest * (1 << min(count, 20)), limits.longestRest)
        count += 1
        rested += rest
        return rest
    }
}
