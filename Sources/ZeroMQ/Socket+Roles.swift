// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

extension Socket {
    /// A ROUTER socket, bound.
    /// - Parameters:
    ///   - context: kept by the socket.
    ///   - endpoint: wildcards are allowed; ``endpoint`` has the real address afterwards.
    ///   - security: `.none` is refused where packets could leave the machine.
    ///   - insecure: lifts that refusal. Only for networks whose every member is trusted.
    ///   - profile: options and bounds.
    /// - Returns: the socket, owned by the calling thread.
    /// - Throws: `.insecureEndpoint`, `.directoryNotPrivate`, `.ipcPathOccupied`, `.addressInUse`,
    ///   `.addressUnavailable`, `.permissionDenied`, `.bindFailed`, and what ``AllowList/load()``
    ///   throws.
    package static func coordinator(
        _ context: Context, bind endpoint: Endpoint, security: ServerSecurity,
        insecure: Bool = false, profile: SocketProfile = .init()
    ) throws(ZeroMQError) -> Socket {
        try endpoint.validate(for: .bind)
        if case .none = security { try endpoint.checkUnencrypted(insecure: insecure) }
        try endpoint.checkReplaceable()
        RoutingIDSequence.scatter()
        let socket = try Socket(context, .router, profile: profile)
        try profile.applyCoordinator(to: socket)
        socket.routingIDs = try RoutingIDSequence.current(of: socket, context)
        try socket.prepare(for: endpoint)
        if case .curve(let keys, let allowList) = security {
            // Before the bind, so that no connection arrives while nobody checks keys.
            let authenticator = try Authenticator(context, allowList: allowList)
            socket.authenticator = authenticator
            try socket.set(.zapDomain, Array(Authenticator.domain.utf8))
            try socket.set(.zapEnforceDomain, 1)
            try socket.set(.curveServer, 1)
            try socket.set(.curveSecretKey, keys.secretKey.bytes)
        }
        try socket.bind(endpoint)
        return socket
    }

    /// A DEALER socket that connects, and connects again, until it is closed.
    ///
    /// After a refusal (wrong key, other mechanism, oversized frame) libzmq does not try again
    /// although nothing tells the sender: close a socket that has been silent for seconds and make
    /// a new one.
    /// - Parameters:
    ///   - context: kept by the socket.
    ///   - endpoint: without wildcards.
    ///   - security: `.none` is refused where packets could leave the machine.
    ///   - insecure: lifts that refusal. Only for networks whose every member is trusted.
    ///   - profile: options and bounds.
    /// - Returns: the socket, owned by the calling thread.
    /// - Throws: `.endpointInvalid`, `.insecureEndpoint`, `.directoryNotPrivate`, `.connectFailed`.
    package static func worker(
        _ context: Context, connect endpoint: Endpoint, security: ClientSecurity,
        insecure: Bool = false, profile: SocketProfile = .init()
    ) throws(ZeroMQError) -> Socket {
        try endpoint.validate(for: .connect)
        if case .none = security { try endpoint.checkUnencrypted(insecure: insecure) }
        let socket = try Socket(context, .dealer, profile: profile)
        try profile.applyWorker(to: socket)
        try socket.prepare(for: endpoint)
        if case .curve(let keys, let serverKey) = security {
            try socket.set(.curveServerKey, serverKey.bytes)
            try socket.set(.curvePublicKey, keys.publicKey.bytes)
            try socket.set(.curveSecretKey, keys.secretKey.bytes)
        }
        guard zmq_connect(socket.open(), endpoint.description) == 0 else {
            throw .library(.connectFailed, endpoint: endpoint.description)
        }
        socket.endpoint = endpoint
        return socket
    }

    /// What comes before the first connection, so that no event is missed.
    private func prepare(for endpoint: Endpoint) throws(ZeroMQError) {
        if endpoint.isIPv6 { try set(.ipv6, 1) }
        monitor = try SocketMonitor(of: self, context)
    }

    private func bind(_ endpoint: Endpoint) throws(ZeroMQError) {
        guard zmq_bind(open(), endpoint.description) == 0 else {
            let number = zmq_errno()
            let code: ZeroMQError.Code =
                switch number {
                case EADDRINUSE: .addressInUse
                case EADDRNOTAVAIL, ENODEV: .addressUnavailable
                case EACCES, EPERM: .permissionDenied
                default: .bindFailed
                }
            throw ZeroMQError(code, endpoint: endpoint.description, errorNumber: number)
        }
        self.endpoint = try Endpoint(lastEndpoint())
    }
}
