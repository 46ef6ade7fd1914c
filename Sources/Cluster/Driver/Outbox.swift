import ZeroMQ

/// Messages a full queue did not take, kept in order and bounded.
struct Outbox<Entry> {
    private var entries: [Entry] = []
    let limit: Int

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { entries.isEmpty }

    /// - Returns: false if the box is full: the peer asks for more than it takes.
    mutating func append(_ entry: Entry) -> Bool {
        guard entries.count < limit else { return false }
        entries.append(entry)
        return true
    }

    /// Sends in order until one is not taken.
    /// - Returns: what became of the last attempt.
    mutating func flush(_ send: (Entry) throws -> SendResult) rethrows -> SendResult {
        var sent = 0
        var outcome = SendResult.sent
        for entry in entries {
            outcome = try send(entry)
            guard outcome == .sent else { break }
            sent += 1
        }
        entries.removeFirst(sent)
        return outcome
    }
}
