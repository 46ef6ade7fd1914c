// SPDX-License-Identifier: Apache-2.0

import ZeroMQ

/// Bytes on their way to each connection: handed to libzmq, and not confirmed by the kernel at the
/// other end.
///
/// libzmq counts messages and not bytes, and keeps a whole window of chunks for everybody who asks
/// and does not read. So bytes are bounded here: for one connection, for all connections of one
/// key, and for all. A value; the kernel's counts are asked for by a function.
struct SendLedger {
    struct Limits: Hashable {
        /// Bytes on their way to one connection: what a worker may ask for at a time, with room for
        /// tasks.
        var connection = 16 * BlobChunk.limit + 1 << 20
        /// Bytes on their way to all connections of one key.
        var key = 32 << 20
        /// Bytes on their way to all connections.
        var total = 128 << 20
        /// Part of `key` and of `total` that is there besides, for connections that have nothing on
        /// their way.
        var reserve = 0.5
    }

    private struct Flow {
        var key: PublicKey?
        var descriptor: Int32?
        /// Bytes handed to libzmq, and confirmed, by the kernel's count.
        var handed: UInt64
        var confirmed: UInt64
        /// When `confirmed` grew last, or something was handed over after a time without.
        var moved: Duration

        var onTheWay: Int { Int(clamping: handed - confirmed) }
    }

    private let limits: Limits
    /// Bytes that the other end of a connection has confirmed; nil where nobody counts, as on Unix
    /// domain sockets.
    private let confirmed: (Int32) -> UInt64?
    private var flows: [PeerID: Flow] = [:]
    /// Connections with something on the way.
    private var busy: Set<PeerID> = []
    private var bytes: [PublicKey?: Int] = [:]
    private var connections: [PublicKey?: Int] = [:]
    private var total = 0
    private var nextReview = Duration.zero

    /// Between two looks at all connections, when there are more bytes on the way than may be.
    private static let interval = Duration.milliseconds(10)

    init(
        limits: Limits = Limits(),
        confirmed: @escaping (Int32) -> UInt64? = { ConnectionGuard.traffic($0)?.acknowledged }
    ) {
        self.limits = limits
        self.confirmed = confirmed
    }

    /// Everybody who has spoken and is not known to be gone.
    var peers: [PeerID] { Array(flows.keys) }

    /// Connections that have proved this key; of those without a key, all.
    func count(of key: PublicKey?) -> Int { connections[key, default: 0] }

    /// Bytes on their way to all connections.
    var onTheWay: Int { total }

    // MARK: Connections

    /// - Returns: whether the connection is new.
    mutating func note(
        _ peer: PeerID, key: PublicKey?, descriptor: Int32?, at now: Duration
    ) -> Bool {
        guard flows[peer] == nil else { return false }
        let count = descriptor.flatMap(confirmed)
        flows[peer] = Flow(
            key: key, descriptor: count == nil ? nil : descriptor, handed: count ?? 0,
            confirmed: count ?? 0, moved: now)
        connections[key, default: 0] += 1
        return true
    }

    /// The connection is gone, and what was on its way with it.
    mutating func remove(_ peer: PeerID) {
        guard let flow = flows.removeValue(forKey: peer) else { return }
        busy.remove(peer)
        add(-flow.onTheWay, to: flow.key)
        connections[flow.key, default: 0] -= 1
        if connections[flow.key] == 0 { connections[flow.key] = nil }
    }

    // MARK: Bytes

    /// Whether so many bytes may be handed over now. Parts of blobs and tasks are large; anything
    /// else goes while the connection takes it.
    mutating func allows(
        _ count: Int, to peer: PeerID, isLarge: Bool, at now: Duration
    ) -> Bool {
        guard flows[peer]?.descriptor != nil else { return true }
        if fits(count, to: peer, isLarge) { return true }
        update(peer, at: now)
        if fits(count, to: peer, isLarge) { return true }
        guard now >= nextReview else { return false }
        nextReview = now + Self.interval
        for peer in busy { update(peer, at: now) }
        return fits(count, to: peer, isLarge)
    }

    mutating func handOver(_ count: Int, to peer: PeerID, at now: Duration) {
        guard var flow = flows[peer], flow.descriptor != nil else { return }
        if flow.onTheWay == 0 { flow.moved = now }
        flow.handed += UInt64(count)
        flows[peer] = flow
        busy.insert(peer)
        add(count, to: flow.key)
    }

    /// Connections to which something has been on its way for so long without a byte of it being
    /// confirmed.
    mutating func stalled(
        for patience: Duration, at now: Duration
    ) -> [(peer: PeerID, descriptor: Int32)] {
        for peer in busy { update(peer, at: now) }
        return busy.compactMap { peer in
            guard let flow = flows[peer], now - flow.moved > patience else { return nil }
            return flow.descriptor.map { (peer, $0) }
        }
    }

    private func fits(_ count: Int, to peer: PeerID, _ isLarge: Bool) -> Bool {
        guard let flow = flows[peer] else { return true }
        guard isLarge else { return flow.onTheWay <= limits.connection }
        // A connection that has nothing on its way is not kept waiting by those that have.
        let share = flow.onTheWay == 0 ? 1 + limits.reserve : 1
        return (flow.onTheWay == 0 || flow.onTheWay + count <= limits.connection)
            && bytes[flow.key, default: 0] + count <= Int(Double(limits.key) * share)
            && total + count <= Int(Double(limits.total) * share)
    }

    private mutating func update(_ peer: PeerID, at now: Duration) {
        guard var flow = flows[peer], let descriptor = flow.descriptor,
            let count = confirmed(descriptor), count > flow.confirmed
        else { return }
        let before = flow.onTheWay
        flow.confirmed = count
        flow.moved = now
        // The kernel also counts what libzmq adds to messages.
        if flow.confirmed >= flow.handed {
            flow.handed = flow.confirmed
            busy.remove(peer)
        }
        flows[peer] = flow
        add(flow.onTheWay - before, to: flow.key)
    }

    private mutating func add(_ count: Int, to key: PublicKey?) {
        total += count
        let sum = bytes[key, default: 0] + count
        bytes[key] = sum == 0 ? nil : sum
    }
}
