// SPDX-License-Identifier: Apache-2.0

import ZeroMQ

/// Greetings that were read and not handed on yet: a worker that hears nothing gives its connection
/// up and greets on another, so that what has waited long may be of nobody.
struct Greetings {
    private struct Entry {
        var hello: Hello
        var since: Duration
    }

    private var entries = SortedTable<WorkerID, Entry>()

    /// Those of a crowd are handed on after so long even if more and more waits to be read.
    private static let patience = Duration.seconds(1)

    var isEmpty: Bool { entries.isEmpty }

    /// - Returns: whether it is this worker's first.
    mutating func note(_ hello: Hello, of worker: WorkerID, at now: Duration) -> Bool {
        let known = entries[worker]
        entries[worker] = Entry(hello: hello, since: known?.since ?? now)
        return known == nil
    }

    mutating func forget(_ worker: WorkerID) { _ = take(of: worker) }

    /// This worker's, which does not wait any more.
    mutating func take(of worker: WorkerID) -> Hello? {
        entries.removeValue(forKey: worker)?.hello
    }

    /// Whether some have waited longer than they should.
    func areOverdue(at now: Duration) -> Bool {
        entries.contains { now - $0.value.since > Self.patience }
    }

    /// All of them, in the order of their workers; none is left.
    mutating func take() -> [(worker: WorkerID, hello: Hello)] {
        defer { entries = SortedTable() }
        return entries.map { ($0.key, $0.value.hello) }
    }
}
