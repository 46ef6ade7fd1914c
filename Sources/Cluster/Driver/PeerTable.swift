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

    private var entries: [WorkerID: Entry] = [:]
    private var numbers: [PeerID: WorkerID] = [:]
    private var next = 1

    /// The number of the connection a message came on, a new one for a new connection.
    mutating func number(of peer: PeerID, _ message: IncomingMessage) -> WorkerID {
        if let known = numbers[peer] { return known }
        let worker = WorkerID(next)
        next += 1
        numbers[peer] = worker
        entries[worker] = Entry(
            peer: peer, key: message.user?.publicKey, descriptor: message.descriptor)
        return worker
    }

    func peer(_ worker: WorkerID) -> PeerID? { entries[worker]?.peer }

    func key(_ worker: WorkerID) -> PublicKey? { entries[worker]?.key }
    func descriptor(_ worker: WorkerID) -> Int32? { entries[worker]?.descriptor }

    var all: [(WorkerID, PeerID)] {
        entries.map { ($0.key, $0.value.peer) }.sorted { $0.0 < $1.0 }
    }

    func isWaiting(_ worker: WorkerID) -> Bool {
        entries[worker].map { !$0.outbox.isEmpty } ?? false
    }
    var isAnyWaiting: Bool { entries.values.contains { !$0.outbox.isEmpty } }

    mutating func post(_ item: Item, to worker: WorkerID) -> Bool {
        entries[worker]?.outbox.append(item) ?? true
    }

    mutating func flush(
        _ worker: WorkerID, _ send: (Item) throws -> SendResult
    ) rethrows -> SendResult {
        guard var entry = entries[worker] else { return .unroutable }
        let outcome = try entry.outbox.flush(send)
        entries[worker] = entry
        return outcome
    }

    mutating func forget(_ worker: WorkerID) {
        if let entry = entries.removeValue(forKey: worker) { numbers[entry.peer] = nil }
    }
}
