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
    /// libzmq's ping, in milliseconds. Lives in the I/O thread: it detects dead links and machines,
    /// not hung applications. The TTL option is left alone, since values above 65.5 s overflow.
    package var heartbeatInterval: Int32 = 1_000
    /// Without an answer for so long the connection is closed, in milliseconds.
    package var heartbeatTimeout: Int32 = 3_000
    /// A connection that has not finished its handshake by then is closed (port scans, half-open
    /// connections), in milliseconds.
    package var handshakeInterval: Int32 = 5_000
    /// Worker only: libzmq's default is the kernel's, about two minutes.
    package var connectTimeout: Int32 = 2_000
    /// Worker only: first pause before connecting again, doubled up to the maximum.
    package var reconnectInterval: Int32 = 100
    /// Worker only.
    package var reconnectIntervalMaximum: Int32 = 2_000
    /// Worker only: unacknowledged TCP data for so long ends the connection, in milliseconds.
    package var tcpMaximumRetransmit: Int32 = 10_000
    /// Coordinator only: connections the kernel keeps until they are accepted. With libzmq's 100, a hundred strangers
    /// that arrive at once keep workers out for seconds.
    package var backlog: Int32 = 1_024
    /// How long ``Socket/close(goodbye:)`` may go on sending, in milliseconds; at most 1,000.
    package var goodbyeLinger: Int32 = 1_000

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
        try socket.set(ZMQOption.heartbeatInterval, heartbeatInterval)
        try socket.set(ZMQOption.heartbeatTimeout, heartbeatTimeout)
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
        try socket.set(ZMQOption.tcpMaximumRetransmit, tcpMaximumRetransmit)
    }
}
