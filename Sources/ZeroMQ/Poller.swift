// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

/// What to wait for, and what was found.
package struct PollEvents: OptionSet, Hashable, Sendable {
    /// libzmq's bits, `ZMQ_POLLIN` and so on, which are not those of `poll(2)`.
    package let rawValue: Int16

    /// Takes any bits.
    package init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    /// A message, or bytes of a descriptor, can be read.
    package static let readable = PollEvents(rawValue: Int16(ZMQ_POLLIN))
    /// A message can be queued, or bytes written to a descriptor.
    package static let writable = PollEvents(rawValue: Int16(ZMQ_POLLOUT))
    /// Only for descriptors, and only as a result.
    package static let failed = PollEvents(rawValue: Int16(ZMQ_POLLERR))
}

/// One thing to wait for.
package struct PollItem {
    fileprivate enum Source {
        case socket(Socket)
        case descriptor(Int32)
    }

    fileprivate let source: Source
    fileprivate let interest: PollEvents

    /// A socket; `.writable` on a coordinator's socket says nothing about a particular peer.
    package static func socket(_ socket: Socket, _ interest: PollEvents = .readable) -> PollItem {
        PollItem(source: .socket(socket), interest: interest)
    }

    /// The events of a socket.
    package static func monitor(_ monitor: SocketMonitor) -> PollItem {
        PollItem(source: .socket(monitor.socket), interest: .readable)
    }

    /// A signal from another thread.
    package static func wakeup(_ wakeup: Wakeup) -> PollItem {
        PollItem(source: .descriptor(wakeup.descriptor), interest: .readable)
    }

    /// Any file descriptor.
    package static func descriptor(
        _ descriptor: Int32, _ interest: PollEvents = .readable
    ) -> PollItem {
        PollItem(source: .descriptor(descriptor), interest: interest)
    }
}

/// Waits for several things at once. Blocks its thread: use a ``DedicatedThread``.
package enum Poller {
    /// - Parameters:
    ///   - items: sockets of the calling thread, and descriptors.
    ///   - timeoutMilliseconds: 0 looks without waiting; negative waits without end.
    /// - Returns: what was found, per item; all empty after a timeout. Signals (EINTR) do not
    ///   shorten the wait.
    /// - Throws: `.pollFailed`, `.contextTerminated`.
    package static func poll(
        _ items: [PollItem], timeoutMilliseconds: Int
    ) throws(ZeroMQError) -> [PollEvents] {
        var native = items.map { item in
            switch item.source {
            case .socket(let socket):
                zmq_pollitem_t(
                    socket: socket.open(), fd: 0, events: item.interest.rawValue, revents: 0)
            case .descriptor(let descriptor):
                zmq_pollitem_t(
                    socket: nil, fd: descriptor, events: item.interest.rawValue, revents: 0)
            }
        }
        let clock = ContinuousClock()
        let bounded = min(timeoutMilliseconds, Int(Int32.max))
        let deadline = clock.now + .milliseconds(bounded)
        var remaining = bounded
        while zmq_poll(&native, Int32(native.count), remaining) < 0 {
            guard zmq_errno() == EINTR else { throw .library(.pollFailed) }
            if bounded >= 0 {
                remaining = max(0, milliseconds(deadline - clock.now))
            }
        }
        return native.map { PollEvents(rawValue: $0.revents) }
    }

    /// Rounded up, so that a loop over the rest of a deadline does not spin.
    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(seconds) * 1_000
            + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
