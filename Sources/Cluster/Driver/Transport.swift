package import ZeroMQ

/// How a coordinator is reached, or a worker reaches it.
package struct CoordinatorAddress: Sendable {
    package var endpoint: Endpoint
    package var security: ServerSecurity
    /// Allows an endpoint off loopback without CURVE.
    package var insecure: Bool

    package init(endpoint: Endpoint, security: ServerSecurity, insecure: Bool = false) {
        self.endpoint = endpoint
        self.security = security
        self.insecure = insecure
    }
}

/// A bound coordinator socket. Bound before the model is read, so that workers find it at once; belongs to the thread that made it.
package final class CoordinatorListener {
    let socket: Socket
    private let context: Context
    /// With the real port.
    package let endpoint: Endpoint

    /// - Throws: `ZeroMQError` naming the endpoint.
    package init(_ address: CoordinatorAddress) throws {
        context = try Context()
        socket = try Socket.coordinator(
            context, bind: address.endpoint, security: address.security,
            insecure: address.insecure, profile: .cluster)
        endpoint = socket.endpoint ?? address.endpoint
    }

    /// To be called when nobody who knows the address goes on connecting to it, as local workers do until they end: what comes in
    /// the moment of closing gets no answer to its handshake. What was said last may still leave.
    package func close() { socket.close(goodbye: true) }
}

/// Where a worker finds its coordinator.
package struct WorkerTarget: Sendable {
    package var endpoint: Endpoint
    package var security: ClientSecurity
    package var insecure: Bool

    package init(endpoint: Endpoint, security: ClientSecurity, insecure: Bool = false) {
        self.endpoint = endpoint
        self.security = security
        self.insecure = insecure
    }
}

extension SocketProfile {
    /// Bounds of this protocol's messages.
    package static let cluster: SocketProfile = {
        var profile = SocketProfile()
        profile.maximumParts = MessageCodec.frameLimit
        profile.maximumMessageBytes = MessageCodec.byteLimit
        // Parts count; credit in the protocol is the real bound.
        profile.highWaterMark = 1024
        return profile
    }()
}
