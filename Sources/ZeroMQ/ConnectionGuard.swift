import Glibc

/// Ends connections that libzmq would keep: of peers that have to go, that never say anything, or that send a
/// message without end.
///
/// libzmq tells nobody of a message before its last part, does not bound the parts, and closes no connection on
/// request. It does tell the descriptor of every connection, and the kernel tells how much arrived on it. Shutting
/// such a connection down is to libzmq as if the peer had left: what was received of a message is freed.
///
/// A value; sockets of one process only, since descriptors are numbers of this process.
package struct ConnectionGuard: Sendable {
    package enum Reason: Hashable, Sendable {
        /// ``hangUp(_:at:)`` was called.
        case dismissed
        /// No whole message since it was accepted.
        case silent
        /// So many bytes since its last whole message.
        case endlessMessage(bytes: UInt64)
    }

    package struct Ended: Hashable, Sendable {
        package var descriptor: Int32
        /// IP address and port of the peer, where it has them.
        package var address: String
        package var reason: Reason
    }

    private struct Connection: Hashable {
        /// Number of the kernel's socket: a descriptor may be closed and given out again at any time.
        var socket: UInt64
        /// The peer's IP address, where it has one.
        var host: String
        var accepted: Duration
        var hasSpoken = false
        var isTrusted = false
        /// Whether a whole message came since the last sweep.
        var isHeard = false
        /// Bytes received when the last whole message was seen.
        var settled: UInt64 = 0
        var hangUp: Duration?

        /// No bytes to count, if the descriptor still is this socket.
        func still(_ descriptor: Int32) -> UInt64? {
            ConnectionGuard.socketNumber(descriptor) == socket ? 0 : nil
        }
    }

    private var connections: [Int32: Connection] = [:]
    /// How long an accepted connection may take to its first whole message.
    private let patience: Duration
    /// Bytes a trusted connection may deliver without completing a message.
    private let limit: UInt64
    /// The same for all others, who have nothing to say but a greeting.
    private let strangersLimit: UInt64

    package init(
        patience: Duration = .seconds(30), bytes limit: UInt64, strangersBytes: UInt64 = 1 << 20
    ) {
        self.patience = patience
        self.limit = limit
        strangersLimit = strangersBytes
    }

    /// Connections that stood at the last sweep, and those accepted since.
    package var count: Int { connections.count }

    package mutating func accepted(_ descriptor: Int32, at now: Duration) {
        let number = Self.socketNumber(descriptor)
        // The monitor may tell of a connection after its first message.
        if let known = connections[descriptor], known.socket == number { return }
        connections[descriptor] = number.map {
            Connection(socket: $0, host: Self.address(descriptor).host, accepted: now)
        }
    }

    /// The peer's IP address; nil for a connection that was not told of, or is forgotten.
    package func host(of descriptor: Int32) -> String? { connections[descriptor]?.host }

    /// A whole message came.
    package mutating func heard(_ descriptor: Int32, at now: Duration) {
        if connections[descriptor] == nil { accepted(descriptor, at: now) }
        connections[descriptor]?.hasSpoken = true
        connections[descriptor]?.isHeard = true
    }

    /// Messages on this connection may be large.
    package mutating func trust(_ descriptor: Int32) {
        connections[descriptor]?.isTrusted = true
    }

    /// Ends the connection at that time, so that a last message can leave before.
    package mutating func hangUp(_ descriptor: Int32, at time: Duration) {
        if connections[descriptor] == nil { accepted(descriptor, at: time) }
        connections[descriptor]?.hangUp = time
    }

    /// Shuts down what has to go. To be called when no whole message waits to be read.
    /// - Returns: the connections shut down.
    package mutating func sweep(at now: Duration) -> [Ended] {
        var ended: [Ended] = []
        for (descriptor, connection) in connections {
            // One system call per connection; which socket it is matters only where something happens.
            guard let received = Self.received(descriptor) ?? connection.still(descriptor) else {
                connections[descriptor] = nil
                continue
            }
            if connection.isHeard {
                connections[descriptor]?.isHeard = false
                connections[descriptor]?.settled = received
            }
            let open = connection.isHeard ? 0 : received &- connection.settled
            let reason: Reason
            if let time = connection.hangUp, now >= time {
                reason = .dismissed
            } else if open > (connection.isTrusted ? limit : strangersLimit) {
                reason = .endlessMessage(bytes: open)
            } else if !connection.hasSpoken, now - connection.accepted > patience {
                reason = .silent
            } else {
                continue
            }
            guard Self.socketNumber(descriptor) == connection.socket else {
                connections[descriptor] = nil
                continue
            }
            ended.append(
                Ended(
                    descriptor: descriptor, address: Self.address(descriptor).text, reason: reason))
            // Without this the kernel would hold the peer's last bytes for a minute.
            var reset = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
            shutdown(descriptor, Int32(SHUT_RDWR))
            connections[descriptor] = nil
        }
        return ended.sorted { $0.descriptor < $1.descriptor }
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

    /// Bytes of TCP payload that arrived so far; nil for other sockets.
    static func received(_ descriptor: Int32) -> UInt64? {
        var information = [UInt8](repeating: 0, count: 256)
        var size = socklen_t(information.count)
        guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &information, &size) == 0,
            Int(size) >= receivedOffset + 8
        else { return nil }
        return information.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: receivedOffset, as: UInt64.self)
        }
    }

    /// Of `tcpi_bytes_received` in Linux's `struct tcp_info` (since 4.1), which glibc's own headers leave out.
    private static let receivedOffset = 128
}
