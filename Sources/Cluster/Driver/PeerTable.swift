import ZeroMQ

/// Connections by number, with what waits to be sent on each.
struct PeerTable {
    /// Chunks wait as ranges, so a waiting queue costs no memory.
    enum Item {
        case message(Message)
        case chunk(BlobRange)
    }

    private struct Entry {
        var peer: PeerID
        var outbox = Outbox<Item>(limit: 4_096)
    }

    private var entries: [WorkerID: Entry] = [:]
    private var numbers: [PeerID: WorkerID] = [:]
    /// Peers for whom something waits: few, whatever the number of peers.
    private var unsent: Set<WorkerID> = []
    private var next = 1

    /// The number of a connection, a new one for a new connection.
    mutating func number(of peer: PeerID) -> WorkerID {
        if let known = numbers[peer] { return known }
        let worker = WorkerID(next)
        next += 1
        numbers[peer] = worker
        entries[worker] = Entry(peer: peer)
        return worker
    }

    func peer(_ worker: WorkerID) -> PeerID? { entries[worker]?.peer }

    var all: [(WorkerID, PeerID)] {
        entries.map { ($0.key, $0.value.peer) }.sorted { $0.0 < $1.0 }
    }

    /// Peers for whom something waits, in order.
    var waiting: [WorkerID] { unsent.sorted() }
    var isAnyWaiting: Bool { !unsent.isEmpty }

    mutating func post(_ item: Item, to worker: WorkerID) -> Bool {
        guard let taken = entries[worker]?.outbox.append(item) else { return true }
        unsent.insert(worker)
        return taken
    }

    mutating func flush(
        _ worker: WorkerID, _ send: (Item) throws -> SendResult
    ) rethrows -> SendResult {
        guard let outcome = try entries[worker]?.outbox.flush(send) else { return .unroutable }
        if outcome == .sent { unsent.remove(worker) }
        return outcome
    }

    mutating func forget(_ worker: WorkerID) {
        unsent.remove(worker)
        if let entry = entries.removeValue(forKey: worker) { numbers[entry.peer] = nil }
    }
}
