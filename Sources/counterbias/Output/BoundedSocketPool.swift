// SPDX-License-Identifier: Apache-2.0

import FlyingSocks
import Glibc
import Synchronization

/// A pool that bounds what the clients of a server cost: so many connections at a time, and so long
/// for each from its first wait to its end.
///
/// The server closes a connection whose wait fails. The listening socket waits as before.
final class BoundedSocketPool<Base: AsyncSocketPool>: AsyncSocketPool {
    /// Connections that wait at a time; further ones are closed.
    static var connections: Int { 16 }
    static var patience: Duration { .seconds(5) }

    private struct Connection {
        /// Number of the kernel's socket: a descriptor may be closed and given out again at any
        /// time.
        var number: UInt64
        var deadline: ContinuousClock.Instant
    }

    private let base: Base
    private let open = Mutex<[Int32: Connection]>([:])

    init(_ base: Base) { self.base = base }

    func prepare() async throws { try await base.prepare() }
    func run() async throws { try await base.run() }

    func suspendSocket(
        _ socket: FlyingSocks.Socket, untilReadyFor events: FlyingSocks.Socket.Events
    ) async throws {
        let descriptor = socket.file.rawValue
        guard !Self.isListening(descriptor) else {
            return try await base.suspendSocket(socket, untilReadyFor: events)
        }
        let deadline = try admit(descriptor)
        try await withThrowingTaskGroup { [base] group in
            group.addTask { try await base.suspendSocket(socket, untilReadyFor: events) }
            group.addTask {
                try await Task.sleep(until: deadline)
                throw SocketError.timeout(message: "the connection's time is over")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// - Returns: when the connection has to be over.
    private func admit(_ descriptor: Int32) throws -> ContinuousClock.Instant {
        let number = Self.number(descriptor)
        return try open.withLock { open in
            if let known = open[descriptor], known.number == number { return known.deadline }
            open = open.filter { Self.number($0.key) == $0.value.number }
            guard open.count < Self.connections, let number else { throw SocketError.disconnected }
            let deadline = ContinuousClock.now + Self.patience
            open[descriptor] = Connection(number: number, deadline: deadline)
            return deadline
        }
    }

    private static func isListening(_ descriptor: Int32) -> Bool {
        var (isListening, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size)
        return isListening != 0
    }

    private static func number(_ descriptor: Int32) -> UInt64? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
