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
    static let cluster: SocketProfile = {
        var profile = SocketProfile()
        profile.maximumParts = MessageCodec.frameLimit
        profile.maximumMessageBytes = MessageCodec.byteLimit
        // Parts count; credit in the protocol is the real bound.
        profile.highWaterMark = 1024
        return profile
    }()
}
