// SPDX-License-Identifier: Apache-2.0

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
        var credentials: Credentials
        /// The key it proved to have; nil without CURVE.
        var key: PublicKey?
        var descriptor: Int32?
        var outbox = Outbox<Item>(limit: PeerTable.outboxLimit)
        /// More was to be sent than may wait.
        var isOverrun = false
    }

    /// Messages that wait for one peer: twice the chunks a worker asks for at a time, and as many
    /// others.
    static let outboxLimit = 64

    private var entries = SortedTable<WorkerID, Entry>()
    private var numbers: [PeerID: WorkerID] = [:]
    /// Peers for whom something waits: few, whatever the number of peers.
    private var unsent = SortedSet<WorkerID>()
    private var next = 1

    /// The number of the connection a message came on, a new one for a new connection.
    mutating func number(
        of peer: PeerID, credentials: Credentials = .none, key: PublicKey? = nil,
        descriptor: Int32? = nil
    ) -> WorkerID {
        if let known = numbers[peer] { return known }
        let worker = WorkerID(next)
        next += 1
        numbers[peer] = worker
        entries[worker] = Entry(
            peer: peer, credentials: credentials, key: key, descriptor: descriptor)
        return worker
    }

    /// The number a connection has now, if it has one.
    func number(ofKnown peer: PeerID) -> WorkerID? { numbers[peer] }

    func peer(_ worker: WorkerID) -> PeerID? { entries[worker]?.peer }

    func credentials(_ worker: WorkerID) -> Credentials { entries[worker]?.credentials ?? .none }
    func key(_ worker: WorkerID) -> PublicKey? { entries[worker]?.key }
    func descriptor(_ worker: WorkerID) -> Int32? { entries[worker]?.descriptor }

    var all: [(WorkerID, PeerID)] {
        entries.map { ($0.key, $0.value.peer) }
    }

    /// Peers for whom something waits, in order.
    var waiting: [WorkerID] { unsent.ascending }
    var isAnyWaiting: Bool { unsent.count > 0 }

    /// - Returns: false if as much waits for the peer as may. Then this message and all later ones
    ///   are dropped; they are not told.
    mutating func post(_ item: Item, to worker: WorkerID) -> Bool {
        guard entries[worker]?.isOverrun == false,
            let isTaken = entries[worker]?.outbox.append(item)
        else { return true }
        if !isTaken { entries[worker]?.isOverrun = true }
        unsent.insert(worker)
        return isTaken
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
