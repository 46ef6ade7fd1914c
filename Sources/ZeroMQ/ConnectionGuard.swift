// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Ends connections that libzmq would keep: of peers that have to go, that never say anything, that
/// come in crowds, or that send a message without end.
///
/// libzmq tells nobody of a message before its last part, does not bound the parts, and closes no
/// connection on request. It does tell the descriptor of every connection, and the kernel tells how
/// much arrived on it. Shutting such a connection down is to libzmq as if the peer had left: what
/// was received of a message is freed.
///
/// A value; sockets of one process only, since descriptors are numbers of this process.
package struct ConnectionGuard: Sendable {
    /// Why a connection was shut down.
    package enum Reason: Hashable, Sendable {
        /// The application has given the peer up.
        case dismissed
        /// No whole message since it was accepted.
        case silent
        /// So many bytes since its last whole message.
        case endlessMessage(bytes: UInt64)
        /// It had said nothing, and others wanted to get in.
        case crowded
        /// It does not take what it is sent.
        case unread
        /// Its key has as many connections as a key may have.
        case tooMany
        /// It chose a routing id, as no worker does.
        case claimedID
    }

    /// A connection that was shut down.
    package struct Ended: Hashable, Sendable {
        /// Its number while it stood; the kernel may give it out again.
        package var descriptor: Int32
        /// The peer's IP address, where it has one.
        package var host: String
        /// IP address and port of the peer, where it has them.
        package var address: String
        /// Why it was shut down.
        package var reason: Reason
    }

    private struct Connection: Hashable {
        /// Number of the kernel's socket: a descriptor may be closed and given out again at any
        /// time.
        var socket: UInt64
        /// The peer's IP address, where it has one.
        var host: String
        var accepted: Duration
        var hasSpoken = false
        var isTrusted = false
        /// Whether a whole message came since the last look.
        var isHeard = false
        /// Bytes received when the last whole message was seen.
        var settled: UInt64 = 0

        /// No bytes to count, if the descriptor still is this socket.
        func still(_ descriptor: Int32) -> UInt64? {
            ConnectionGuard.socketNumber(descriptor) == socket ? 0 : nil
        }
    }

    private struct HangUp: Hashable {
        var time: Duration
        var reason: Reason
    }

    private var connections: [Int32: Connection] = [:]
    private var hangUps: [Int32: HangUp] = [:]
    /// Connections that have said nothing yet.
    private var unspoken = 0
    /// Descriptors and socket numbers in the order they were accepted; some may have spoken or
    /// ended.
    private var arrivals: [(descriptor: Int32, socket: UInt64)] = []
    /// Descriptors still to be looked at in this turn.
    private var turn: [Int32] = []
    /// How long an accepted connection may take to its first whole message.
    private let patience: Duration
    /// Bytes a trusted connection may deliver without completing a message.
    private let limit: UInt64
    /// The same for all others, who have nothing to say but a greeting.
    private let strangersLimit: UInt64
    /// Connections looked at in one sweep: each costs a system call.
    private let slice: Int

    /// Bounds of what a connection may do.
    ///
    /// `patience`: until its first whole message. `bytes`: without completing one, of trusted
    /// connections; `strangersBytes`: of all others. `slice`: connections that one sweep looks at,
    /// at least 1.
    package init(
        patience: Duration = .seconds(30), bytes limit: UInt64, strangersBytes: UInt64 = 1 << 20,
        slice: Int = 512
    ) {
        self.patience = patience
        self.limit = limit
        self.slice = slice
        strangersLimit = strangersBytes
    }

    /// Connections that stood when they were looked at last, and those accepted since.
    package var count: Int { connections.count }

    /// The monitor tells of a new connection; one that is known already stays as it is.
    package mutating func accepted(_ descriptor: Int32, at now: Duration) {
        let number = Self.socketNumber(descriptor)
        // The monitor may tell of a connection after its first message.
        if let known = connections[descriptor], known.socket == number { return }
        remove(descriptor)
        guard let number else { return }
        connections[descriptor] = Connection(
            socket: number, host: Self.address(descriptor).host, accepted: now)
        unspoken += 1
        arrivals.append((descriptor, number))
        if arrivals.count > 64 + 2 * unspoken {
            arrivals = arrivals.filter { isUnspoken($0.descriptor, $0.socket) }
        }
    }

    /// The monitor tells that a connection has ended.
    /// - Returns: whether it had spoken, as far as is known.
    package mutating func closed(_ descriptor: Int32) -> Bool {
        guard let known = connections[descriptor] else { return true }
        // By now the number may be another connection's that has spoken already.
        if known.still(descriptor) == nil { remove(descriptor) }
        return known.hasSpoken
    }

    /// The peer's IP address; nil for a connection that was not told of, or is forgotten.
    package func host(of descriptor: Int32) -> String? { connections[descriptor]?.host }

    /// A whole message came.
    package mutating func heard(_ descriptor: Int32, at now: Duration) {
        if connections[descriptor] == nil { accepted(descriptor, at: now) }
        if connections[descriptor]?.hasSpoken == false { unspoken -= 1 }
        connections[descriptor]?.hasSpoken = true
        connections[descriptor]?.isHeard = true
    }

    /// Messages on this connection may be large.
    package mutating func trust(_ descriptor: Int32) {
        connections[descriptor]?.isTrusted = true
    }

    /// Ends the connection at that time, so that a last message can leave before.
    package mutating func hangUp(
        _ descriptor: Int32, at time: Duration, because reason: Reason = .dismissed
    ) {
        // Whoever is given up has spoken, or nobody would know of it.
        if connections[descriptor] == nil { heard(descriptor, at: time) }
        hangUps[descriptor] = hangUps[descriptor] ?? HangUp(time: time, reason: reason)
    }

    /// Ends connections that have said nothing, the oldest first, until there are at most `limit`
    /// of them and at most `total` connections in all.
    /// - Returns: the connections shut down.
    package mutating func makeRoom(unspoken limit: Int, total: Int) -> [Ended] {
        guard unspoken > 0, unspoken > limit || connections.count > total else { return [] }
        var (ended, position): ([Ended], Int) = ([], 0)
        while position < arrivals.count, unspoken > limit || connections.count > total {
            let (descriptor, socket) = arrivals[position]
            position += 1
            guard isUnspoken(descriptor, socket) else { continue }
            if let end = end(descriptor, because: .crowded) { ended.append(end) }
        }
        arrivals.removeFirst(position)
        return ended
    }

    /// Shuts down what ``hangUp(_:at:because:)`` was called for.
    /// - Returns: the connections shut down.
    package mutating func endDismissed(at now: Duration) -> [Ended] {
        hangUps.filter { now >= $0.value.time }.compactMap { end($0.key, because: $0.value.reason) }
    }

    /// Shuts down what has to go, as far as it is this sweep's to look at. To be called when no
    /// whole message waits to be read.
    /// - Returns: the connections shut down.
    package mutating func sweep(at now: Duration) -> [Ended] {
        var ended = endDismissed(at: now)
        if turn.isEmpty { turn = Array(connections.keys) }
        let slice = turn.suffix(slice)
        turn.removeLast(slice.count)
        for descriptor in slice {
            guard let reason = look(at: descriptor, now) else { continue }
            if let end = end(descriptor, because: reason) { ended.append(end) }
        }
        return ended.sorted { $0.descriptor < $1.descriptor }
    }

    /// Why a connection has to end now; nil if it need not.
    private mutating func look(at descriptor: Int32, _ now: Duration) -> Reason? {
        guard let connection = connections[descriptor] else { return nil }
        // One system call per connection; which socket it is matters only where something happens.
        guard
            let received = Self.traffic(descriptor)?.received ?? connection.still(descriptor)
        else {
            remove(descriptor)
            return nil
        }
        if connection.isHeard {
            connections[descriptor]?.isHeard = false
            connections[descriptor]?.settled = received
            return nil
        }
        let open = received &- connection.settled
        if open > (connection.isTrusted ? limit : strangersLimit) {
            return .endlessMessage(bytes: open)
        }
        return !connection.hasSpoken && now - connection.accepted > patience ? .silent : nil
    }

    private func isUnspoken(_ descriptor: Int32, _ socket: UInt64) -> Bool {
        connections[descriptor].map { $0.socket == socket && !$0.hasSpoken } ?? false
    }

    private mutating func remove(_ descriptor: Int32) {
        hangUps[descriptor] = nil
        if connections.removeValue(forKey: descriptor)?.hasSpoken == false { unspoken -= 1 }
    }

    /// Shuts a connection down, if the descriptor still is its.
    private mutating func end(_ descriptor: Int32, because reason: Reason) -> Ended? {
        defer { remove(descriptor) }
        guard let connection = connections[descriptor],
            Self.socketNumber(descriptor) == connection.socket
        else { return nil }
        let ended = Ended(
            descriptor: descriptor, host: connection.host,
            address: Self.address(descriptor).text, reason: reason)
        // Without this the kernel would hold the peer's last bytes for a minute.
        var reset = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
        shutdown(descriptor, Int32(SHUT_RDWR))
        return ended
    }

    private static func socketNumber(_ descriptor: Int32) -> UInt64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            return nil
        }
        return UInt64(status.st_ino)
    }

    private static func address(_ descriptor: Int32) -> (host: String, text: String) {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var (host, port) = ([CChar](repeating: 0, count: 64), [CChar](repeating: 0, count: 8))
        let status = withUnsafeMutablePointer(to: &address) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                getpeername(descriptor, address, &size) == 0
                    ? getnameinfo(
                        address, size, &host, socklen_t(host.count), &port, socklen_t(port.count),
                        NI_NUMERICHOST | NI_NUMERICSERV) : -1
            }
        }
        guard status == 0 else { return ("unknown", "unknown") }
        let text = [host, port].map { characters in
            String(
                decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self
            )
        }
        let hasPort = !text[1].isEmpty && text[1] != "0"
        return (text[0], hasPort ? text.joined(separator: " port ") : text[0])
    }
}
