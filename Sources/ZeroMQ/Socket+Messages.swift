// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

extension Socket {
    /// Probes a worker skips in one ``receive()`` before it returns, so that the call is bounded.
    private static let maximumProbesSkipped = 16

    /// Queues one message, whole or not at all; never waits.
    /// - Parameters:
    ///   - frames: at least one; none longer than ``SocketProfile/maximumPayloadBytes``.
    ///   - peer: required on a coordinator's socket, nil on all others.
    /// - Returns: what became of it.
    /// - Throws: `.frameTooLarge` and `.messageTooLarge` (the peer would cut the connection or
    ///   throw the message away), `.sendFailed`, `.contextTerminated`.
    package func send(
        _ frames: [[UInt8]], to peer: PeerID? = nil
    ) throws(ZeroMQError) -> SendResult {
        precondition(!frames.isEmpty, "a message has at least one frame")
        precondition((kind == .router) == (peer != nil), "only a coordinator's socket takes a peer")
        try checkSize(frames)
        let socket = open()
        if let peer {
            switch part(peer.bytes, socket, more: true) {
            case 0: break
            case EAGAIN: return .wouldBlock
            case EHOSTUNREACH: return .unroutable
            default: throw .library(.sendFailed, endpoint: endpoint?.description)
            }
        }
        for (index, frame) in frames.enumerated() {
            let more = index + 1 < frames.count
            switch part(frame, socket, more: more) {
            case 0: continue
            case EAGAIN:
                if index > 0 { discardRest(frames[(index + 1)...], socket) }
                return .wouldBlock
            default: throw .library(.sendFailed, endpoint: endpoint?.description)
            }
        }
        return .sent
    }

    /// Finds out whether a peer is still connected by sending it an empty message, which
    /// ``receive()`` on the worker's side skips.
    /// - Returns: `.sent` or `.wouldBlock` (its queue is full) for a peer that is there,
    ///   `.unroutable` for one that is gone.
    package func probe(_ peer: PeerID) throws(ZeroMQError) -> SendResult {
        try send([[]], to: peer)
    }

    /// Takes one message if one is complete; never waits. Call until `.wouldBlock`.
    /// - Throws: `.receiveFailed`, `.contextTerminated`.
    package func receive() throws(ZeroMQError) -> ReceiveResult {
        for _ in 0..<Self.maximumProbesSkipped {
            let result = try receiveOne()
            if kind == .dealer, case .message(let message) = result, message.frames == [[]] {
                continue
            }
            return result
        }
        return .wouldBlock
    }

    private func receiveOne() throws(ZeroMQError) -> ReceiveResult {
        let socket = open()
        var message = IncomingMessage(frames: [])
        guard try next(socket) else { return .wouldBlock }
        if kind == .router {
            message.peer = PeerID(bytes: takeBytes())
            guard zmq_msg_more(incoming) != 0 else {
                zmq_msg_close(incoming)
                return .message(message)
            }
            zmq_msg_close(incoming)
            guard try next(socket) else { throw incomplete() }
            // Properties of the connection are lost on the routing id, but not on body frames.
            message.peerAddress = property("Peer-Address")
            message.user = user()
            let descriptor = zmq_msg_get(incoming, ZMQ_SRCFD)
            message.descriptor = descriptor >= 0 ? descriptor : nil
        }
        var parts = 0
        var bytes = 0
        while true {
            parts += 1
            bytes += zmq_msg_size(incoming)
            if parts <= profile.maximumParts, bytes <= profile.maximumMessageBytes {
                message.frames.append(takeBytes())
            } else {
                message.frames = []
            }
            let more = zmq_msg_more(incoming) != 0
            zmq_msg_close(incoming)
            guard more else { break }
            guard try next(socket) else { throw incomplete() }
        }
        guard parts <= profile.maximumParts, bytes <= profile.maximumMessageBytes else {
            return .oversized(message: message, parts: parts, bytes: bytes)
        }
        return .message(message)
    }
}

// MARK: - Parts

extension Socket {
    /// Sends one part; returns 0 or libzmq's error number.
    private func part(_ bytes: [UInt8], _ socket: UnsafeMutableRawPointer, more: Bool) -> Int32 {
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        while true {
            let status = bytes.withUnsafeBytes {
                zmq_send(socket, $0.baseAddress, $0.count, flags)
            }
            if status >= 0 { return 0 }
            let number = zmq_errno()
            if number != EINTR { return number }
        }
    }

    /// When a connection ends between two parts, libzmq takes the first parts back, reports EAGAIN
    /// and silently swallows everything up to the next last part. Give it that last part, or it
    /// would swallow the next message instead.
    private func discardRest(_ frames: ArraySlice<[UInt8]>, _ socket: UnsafeMutableRawPointer) {
        for index in frames.indices {
            _ = part([], socket, more: index + 1 < frames.endIndex)
        }
    }

    /// Puts the next part into ``incoming``; false if there is none.
    private func next(_ socket: UnsafeMutableRawPointer) throws(ZeroMQError) -> Bool {
        while true {
            zmq_msg_init(incoming)
            if zmq_msg_recv(incoming, socket, ZMQ_DONTWAIT) >= 0 { return true }
            let number = zmq_errno()
            zmq_msg_close(incoming)
            switch number {
            case EINTR: continue
            case EAGAIN: return false
            default:
                throw ZeroMQError(
                    number == terminatedErrorNumber ? .contextTerminated : .receiveFailed,
                    endpoint: endpoint?.description, errorNumber: number)
            }
        }
    }

    /// The bytes of ``incoming``: the one copy on the way from the socket to the application.
    private func takeBytes() -> [UInt8] {
        [UInt8](
            UnsafeRawBufferPointer(start: zmq_msg_data(incoming), count: zmq_msg_size(incoming)))
    }

    private func property(_ name: String) -> String? {
        zmq_msg_gets(incoming, name).map { String(cString: $0) }
    }

    private func user() -> AuthenticatedUser? {
        guard authenticator != nil, let name = property("User-Id"),
            let text = property(ZAPReply.publicKeyProperty), let key = try? PublicKey(z85: text)
        else { return nil }
        return AuthenticatedUser(name: name, publicKey: key)
    }

    private func incomplete() -> ZeroMQError {
        ZeroMQError(.receiveFailed, endpoint: endpoint?.description, detail: "message cut short")
    }

    private func checkSize(_ frames: [[UInt8]]) throws(ZeroMQError) {
        var total = 0
        for frame in frames {
            total += frame.count
            guard frame.count <= profile.maximumPayloadBytes else {
                throw ZeroMQError(
                    .frameTooLarge, endpoint: endpoint?.description,
                    detail: "\(frame.count) bytes, at most \(profile.maximumPayloadBytes)")
            }
        }
        guard frames.count <= profile.maximumParts, total <= profile.maximumMessageBytes else {
            throw ZeroMQError(
                .messageTooLarge, endpoint: endpoint?.description,
                detail: "\(frames.count) parts with \(total) bytes, at most "
                    + "\(profile.maximumParts) and \(profile.maximumMessageBytes)")
        }
    }
}
