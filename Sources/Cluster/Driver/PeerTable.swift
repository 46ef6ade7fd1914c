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
        /// The key it proved to have; nil without CURVE.
        var key: PublicKey?
        var descriptor: Int32?
        var outbox = Outbox<Item>(limit: 4_096)
    }

    private var entries = SortedTable<WorkerID, Entry>()
    private var numbers: [PeerID: WorkerID] = [:]
    /// Peers for whom something waits: few, whatever the number of peers.
    private var unsent = SortedSet<WorkerID>()
    private var next = 1

    /// The number of the connection a message came on, a new one for a new connection.
    mutating func number(
        of peer: PeerID, key: PublicKey? = nil, descriptor: Int32? = nil
    ) -> WorkerID {
        if let known = numbers[peer] { return known }
        let worker = WorkerID(next)
        next += 1
        numbers[peer] = worker
        entries[worker] = Entry(peer: peer, key: key, descriptor: descriptor)
        return worker
    }

    func peer(_ worker: WorkerID) -> PeerID? { entries[worker]?.peer }

    func key(_ worker: WorkerID) -> PublicKey? { entries[worker]?.key }
    func descriptor(_ worker: WorkerID) -> Int32? { entries[worker]?.descriptor }

    var all: [(WorkerID, PeerID)] {
        entries.map { ($0.key, $0.value.peer) }
    }

    /// Peers for whom something waits, in order.
    var waiting: [WorkerID] { unsent.ascending }
    var isAnyWaiting: Bool { unsent.count > 0 }

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
