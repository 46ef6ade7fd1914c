// SPDX-License-Identifier: Apache-2.0

import ZeroMQ

/// Messages a full queue did not take, kept in order and bounded.
struct Outbox<Entry> {
    /// Those in front of ``head`` are gone; taking each away at once would move all others.
    private var entries: [Entry?] = []
    private var head = 0
    let limit: Int

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { head == entries.count }

    /// - Returns: false if the box is full: the peer asks for more than it takes.
    mutating func append(_ entry: Entry) -> Bool {
        guard entries.count - head < limit else { return false }
        entries.append(entry)
        return true
    }

    /// Sends in order until one is not taken.
    /// - Returns: what became of the last attempt.
    mutating func flush(_ send: (Entry) throws -> SendResult) rethrows -> SendResult {
        while head < entries.count, let entry = entries[head] {
            let outcome = try send(entry)
            guard outcome == .sent else {
                compact()
                return outcome
            }
            entries[head] = nil
            head += 1
        }
        entries.removeAll(keepingCapacity: entries.count < 64)
        head = 0
        return .sent
    }

    /// Every entry moves at most once for each time as many left.
    private mutating func compact() {
        guard head > entries.count / 2 else { return }
        entries.removeFirst(head)
        head = 0
    }
}
