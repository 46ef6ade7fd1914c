// SPDX-License-Identifier: Apache-2.0

/// All socket options in one place. The defaults were measured against libzmq 4.3.4 under link
/// failures; each states why it is not libzmq's own.
package struct SocketProfile: Equatable, Sendable {
    /// Messages queued per peer and direction before sends return `.wouldBlock`.
    ///
    /// 64 is a backstop: the application's credit bounds what is in flight. Keep that credit at 32
    /// messages or less per peer, so that half of the queue stays free for control messages. libzmq
    /// reports a full queue writable again only when half of it has drained.
    package var highWaterMark: Int32 = 64
    /// Larger frames make libzmq drop the connection before it allocates anything. Counts the frame
    /// as it is on the wire, encryption included, and never whole messages.
    package var maximumFrameBytes = 1 << 20
    /// Messages with more parts come back as `.oversized`; without the routing id.
    package var maximumParts = 32
    /// Messages with more bytes come back as `.oversized`; without the routing id.
    package var maximumMessageBytes = 8 << 20
    /// The kernel asks a peer that has been quiet for so long whether it is there, in seconds.
    /// libzmq's own pings are left off: the application has heartbeats, and thousands of timers
    /// keep the I/O thread from everything else.
    package var keepaliveIdle: Int32 = 10
    /// Between two such questions, in seconds.
    package var keepaliveInterval: Int32 = 5
    /// Questions without an answer that end the connection.
    package var keepaliveCount: Int32 = 3
    /// A connection that has not finished its handshake by then is closed (port scans, half-open
    /// connections), in milliseconds.
    package var handshakeInterval: Int32 = 5_000
    /// Worker only: libzmq's default is the kernel's, about two minutes.
    package var connectTimeout: Int32 = 2_000
    /// Worker only: first pause before connecting again, doubled up to the maximum.
    package var reconnectInterval: Int32 = 100
    /// Worker only.
    package var reconnectIntervalMaximum: Int32 = 2_000
    /// Unacknowledged TCP data for so long ends the connection, in milliseconds.
    package var tcpMaximumRetransmit: Int32 = 10_000
    /// Coordinator only: connections the kernel keeps until they are accepted. With libzmq's 100, a
    /// hundred strangers that arrive at once keep workers out for seconds.
    package var backlog: Int32 = 1_024
    /// How long ``Socket/close(goodbye:)`` may go on sending, in milliseconds; at most 1,000.
    package var goodbyeLinger: Int32 = 1_000

    /// The defaults; all of them can be changed.
    package init() {}

    /// The bytes CURVE adds to a frame (33), rounded up.
    static let encryptionOverhead = 64

    /// The largest frame ``Socket/send(_:to:)`` takes: what fits the limit with encryption on.
    package var maximumPayloadBytes: Int { maximumFrameBytes - Self.encryptionOverhead }

    /// Options every networked socket has.
    func applyCommon(to socket: Socket) throws(ZeroMQError) {
        try socket.set(ZMQOption.linger, 0)
        try socket.set(ZMQOption.sendHighWaterMark, highWaterMark)
        try socket.set(ZMQOption.receiveHighWaterMark, highWaterMark)
        try socket.set(ZMQOption.maximumMessageSize, wide: Int64(maximumFrameBytes))
        try socket.set(ZMQOption.tcpKeepalive, 1)
        try socket.set(ZMQOption.tcpKeepaliveIdle, keepaliveIdle)
        try socket.set(ZMQOption.tcpKeepaliveInterval, keepaliveInterval)
        try socket.set(ZMQOption.tcpKeepaliveCount, keepaliveCount)
        try socket.set(ZMQOption.tcpMaximumRetransmit, tcpMaximumRetransmit)
        try socket.set(ZMQOption.handshakeInterval, handshakeInterval)
    }

    /// ROUTER: an unknown peer is an error instead of silence, and nobody can take over the routing
    /// id of another.
    func applyCoordinator(to socket: Socket) throws(ZeroMQError) {
        try applyCommon(to: socket)
        try socket.set(ZMQOption.backlog, backlog)
        try socket.set(ZMQOption.routerMandatory, 1)
        try socket.set(ZMQOption.routerHandover, 0)
    }

    /// DEALER: nothing is queued while no connection stands.
    func applyWorker(to socket: Socket) throws(ZeroMQError) {
        try applyCommon(to: socket)
        try socket.set(ZMQOption.immediate, 1)
        try socket.set(ZMQOption.connectTimeout, connectTimeout)
        try socket.set(ZMQOption.reconnectInterval, reconnectInterval)
        try socket.set(ZMQOption.reconnectIntervalMaximum, reconnectIntervalMaximum)
    }
}
