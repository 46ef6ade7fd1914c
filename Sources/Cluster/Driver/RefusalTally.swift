// SPDX-License-Identifier: Apache-2.0

/// What is told of peers that are turned away: the first time at once; as long as it goes on, how
/// often meanwhile, at intervals that double from 5 seconds to 10 minutes. So nobody who tries for
/// ever fills the log.
struct RefusalTally<Cause: Hashable> {
    private struct Entry {
        /// When to tell next, and how long that was put off.
        var due: Duration
        var interval: Duration
        var count = 0
    }

    private var entries: [Cause: Entry] = [:]
    private var nextLook = Duration.zero
    private static var shortest: Duration { .seconds(5) }
    private static var longest: Duration { .seconds(600) }
    /// Causes remembered at a time; those beyond are told without being remembered.
    private let capacity: Int

    init(capacity: Int = 1_024) { self.capacity = capacity }

    /// - Returns: whether to tell of it now.
    mutating func note(_ cause: Cause, at now: Duration) -> Bool {
        if entries[cause] != nil {
            entries[cause]?.count += 1
            return false
        }
        if entries.count < capacity {
            entries[cause] = Entry(due: now + Self.shortest, interval: Self.shortest)
        }
        return true
    }

    /// Those that went on, with how often since they were told last. What did not is forgotten.
    mutating func due(at now: Duration) -> [(cause: Cause, count: Int)] {
        guard now >= nextLook else { return [] }
        nextLook = now + .milliseconds(500)
        var told: [(cause: Cause, count: Int)] = []
        for (cause, entry) in entries where now >= entry.due {
            guard entry.count > 0 else {
                entries[cause] = nil
                continue
            }
            told.append((cause, entry.count))
            let interval = min(entry.interval * 2, Self.longest)
            entries[cause] = Entry(due: now + interval, interval: interval)
        }
        return told
    }
}
