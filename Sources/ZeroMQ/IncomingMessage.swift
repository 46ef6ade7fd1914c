// SPDX-License-Identifier: Apache-2.0

/// What a ROUTER socket knows one connection by: opaque, and unique among its present connections.
/// A peer that connects again has another one.
package struct PeerID: Hashable, Sendable, CustomStringConvertible {
    /// The routing id libzmq made up.
    package let bytes: [UInt8]

    /// Takes the frame in front of a message as it is.
    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Hexadecimal, for logs.
    package var description: String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

/// Who the authenticator says is at the other end of a CURVE connection.
package struct AuthenticatedUser: Hashable, Sendable {
    /// The name of the key in the allow-list at the time of the handshake.
    package let name: String
    /// The key the peer proved to have.
    package let publicKey: PublicKey

    /// Memberwise; only the authenticator makes one that can be trusted.
    package init(name: String, publicKey: PublicKey) {
        self.name = name
        self.publicKey = publicKey
    }
}

/// One whole message.
package struct IncomingMessage: Equatable, Sendable {
    /// Where it came from; nil on sockets with a single peer. Answer to it with
    /// ``Socket/send(_:to:)``.
    package var peer: PeerID?
    /// The parts in order, without the routing id.
    package var frames: [[UInt8]]
    /// Nil on connections without CURVE.
    package var user: AuthenticatedUser?
    /// The peer's IP address, or nothing useful on ipc.
    package var peerAddress: String?
    /// The connection it came on, for ``ConnectionGuard``; nil on sockets with a single peer.
    package var descriptor: Int32?
}

/// What ``Socket/receive()`` found.
package enum ReceiveResult: Equatable, Sendable {
    /// No complete message is waiting.
    case wouldBlock
    /// A whole message within the bounds.
    case message(IncomingMessage)
    /// A message above the bounds of the ``SocketProfile``: it was read to its end and thrown away.
    /// `message` has no frames; `parts` and `bytes` are those of the whole body.
    case oversized(message: IncomingMessage, parts: Int, bytes: Int)
}

/// What became of a message handed to ``Socket/send(_:to:)``.
package enum SendResult: Equatable, Sendable {
    /// Queued. That is no promise of delivery: only an answer from the peer's application is.
    case sent
    /// The peer's queue is full, or (on a worker) no connection stands. Nothing was queued.
    case wouldBlock
    /// The peer is gone. Nothing was queued.
    case unroutable
}
