// SPDX-License-Identifier: Apache-2.0

/// At most so many lines per second of what strangers can cause; the rest is only counted.
struct LogBudget {
    private var window = Duration.zero
    private var spent = 0
    private var suppressed = 0
    private let limit: Int

    init(limit: Int = 20) { self.limit = limit }

    /// Whether a line may be written now.
    mutating func spend(at now: Duration) -> Bool {
        turn(to: now)
        spent += 1
        if spent > limit { suppressed += 1 }
        return spent <= limit
    }

    /// Lines left out in a second that is over.
    mutating func takeSuppressed(at now: Duration) -> Int {
        guard now - window >= .seconds(1) else { return 0 }
        defer { suppressed = 0 }
        return suppressed
    }

    private mutating func turn(to now: Duration) {
        guard now - window >= .seconds(1) else { return }
        window = now
        spent = 0
    }
}
