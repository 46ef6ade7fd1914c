// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc
import Synchronization

/// Something that happened to the connections of a socket.
package struct MonitorEvent: Equatable, Sendable, CustomStringConvertible {
    /// What happened; error numbers are those of `errno`.
    package enum Kind: Equatable, Sendable {
        case listening
        /// The address could not be bound.
        case bindFailed(errorNumber: Int32)
        /// A connection arrived; its handshake is still to come.
        case accepted(descriptor: Int32)
        /// A connection could not be taken, for lack of descriptors say; not asked for.
        case acceptFailed(errorNumber: Int32)
        /// A connection stands; its handshake is still to come.
        case connected(descriptor: Int32)
        /// The connection is being made.
        case connectDelayed
        /// The connection could not be made; the next attempt comes after this pause.
        case connectRetried(intervalMilliseconds: Int32)
        /// Messages can flow.
        case handshakeSucceeded
        /// No messages will flow on this connection.
        case handshakeFailed(HandshakeFailure)
        /// A connection ended that had a handshake, or was still in it.
        case disconnected(descriptor: Int32)
        case closed
        /// A descriptor could not be closed.
        case closeFailed(errorNumber: Int32)
        /// The last event of a socket.
        case monitorStopped
        /// An event of a later libzmq.
        case unknown(number: UInt16, value: UInt32)
    }

    /// What happened, with what libzmq tells of it.
    package let kind: Kind
    /// The endpoint as libzmq writes it: the own one of a bound socket, the remote one of a
    /// connecting socket.
    package let endpoint: String

    package var description: String { "\(kind) \(endpoint)" }
}

/// Why two sockets did not come together.
package enum HandshakeFailure: Hashable, Sendable {
    /// The connection ended or the handshake took too long.
    case noDetail(errorNumber: Int32)
    /// One side uses CURVE and the other does not.
    case mechanismMismatch
    /// A key did not fit: usually a worker with the wrong public key of the coordinator.
    case wrongKey
    /// Anything else that is not ZMTP, for example a port scan.
    case protocolError(code: UInt32)
    /// The authenticator's answer: 300, 400 (key not on the list) or 500.
    case refused(status: UInt32)
}

/// The events of one socket, in order. Owned by the socket and used by the same thread.
package final class SocketMonitor {
    private static let counter = Atomic<Int>(0)

    let socket: Socket

    init(of target: Socket, _ context: Context) throws(ZeroMQError) {
        let number = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
        let address = "inproc://counterbias-monitor-\(number)"
        // Without descriptors, libzmq tries to accept again at once and would report each attempt.
        let events = ZMQ_EVENT_ALL & ~ZMQ_EVENT_ACCEPT_FAILED
        guard zmq_socket_monitor(target.open(), address, events) == 0 else {
            throw .library(.monitorFailed)
        }
        socket = try Socket(context, .pair)
        try socket.set(.linger, 0)
        // libzmq's I/O thread waits when this queue is full, and all traffic with it.
        try socket.set(.receiveHighWaterMark, 0)
        guard zmq_connect(socket.open(), address) == 0 else { throw .library(.monitorFailed) }
    }

    /// The next event, or nil; never waits.
    /// - Throws: `.receiveFailed`, `.contextTerminated`.
    package func receive() throws(ZeroMQError) -> MonitorEvent? {
        guard case .message(let message) = try socket.receive() else { return nil }
        return MonitorEvent(frames: message.frames)
    }
}

extension MonitorEvent {
    /// Version 1 of libzmq's format: number (16 bits) and value (32 bits) in machine order, then
    /// the endpoint.
    init?(frames: [[UInt8]]) {
        guard frames.count == 2, frames[0].count == 6 else { return nil }
        let (number, value) = frames[0].withUnsafeBytes {
            (
                $0.loadUnaligned(as: UInt16.self),
                $0.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
            )
        }
        kind = Self.kind(number, value)
        endpoint = String(decoding: frames[1], as: UTF8.self)
    }

    private static func kind(_ number: UInt16, _ value: UInt32) -> Kind {
        let signed = Int32(truncatingIfNeeded: value)
        switch Int32(number) {
        case ZMQ_EVENT_LISTENING: return .listening
        case ZMQ_EVENT_BIND_FAILED: return .bindFailed(errorNumber: signed)
        case ZMQ_EVENT_ACCEPTED: return .accepted(descriptor: signed)
        case ZMQ_EVENT_ACCEPT_FAILED: return .acceptFailed(errorNumber: signed)
        case ZMQ_EVENT_CONNECTED: return .connected(descriptor: signed)
        case ZMQ_EVENT_CONNECT_DELAYED: return .connectDelayed
        case ZMQ_EVENT_CONNECT_RETRIED: return .connectRetried(intervalMilliseconds: signed)
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .handshakeSucceeded
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            return .handshakeFailed(.noDetail(errorNumber: signed))
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return .handshakeFailed(protocolFailure(value))
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .handshakeFailed(.refused(status: value))
        case ZMQ_EVENT_DISCONNECTED: return .disconnected(descriptor: signed)
        case ZMQ_EVENT_CLOSED: return .closed
        case ZMQ_EVENT_CLOSE_FAILED: return .closeFailed(errorNumber: signed)
        case ZMQ_EVENT_MONITOR_STOPPED: return .monitorStopped
        default: return .unknown(number: number, value: value)
        }
    }

    private static func protocolFailure(_ value: UInt32) -> HandshakeFailure {
        switch Int32(truncatingIfNeeded: value) {
        case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: .mechanismMismatch
        case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: .wrongKey
        default: .protocolError(code: value)
        }
    }
}
