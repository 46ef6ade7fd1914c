// SPDX-License-Identifier: Apache-2.0

/// When to ask the peers whether they are still there, after the monitor has said that some
/// connection ended.
///
/// Asking once is not enough: libzmq tells the monitor before it takes the connection away from the
/// socket, and until then the peer seems to be there. So it is asked again, ever more rarely, for
/// half a second.
struct ProbeSchedule {
    private var next: Duration?
    private var interval = Duration.zero

    private static let firstInterval = Duration.milliseconds(2)
    private static let longestInterval = Duration.milliseconds(256)

    /// Some connection has ended.
    mutating func start(at now: Duration) {
        next = now
        interval = Self.firstInterval
    }

    /// Whether to ask now.
    mutating func isDue(at now: Duration) -> Bool {
        guard let due = next, now >= due else { return false }
        next = interval > Self.longestInterval ? nil : now + interval
        interval *= 2
        return true
    }

    /// Time until the next question; nil if none is planned.
    func wait(at now: Duration) -> Duration? { next.map { max($0 - now, .zero) } }
}
