// SPDX-License-Identifier: Apache-2.0

package import Logging
package import ZeroMQ

/// How a coordinator is reached, or a worker reaches it.
package struct CoordinatorAddress: Sendable {
    /// Where to bind; port 0 takes any free one.
    package var endpoint: Endpoint
    /// Without CURVE, or with the server's keys and its allow-list.
    package var security: ServerSecurity
    /// Allows an endpoint off loopback without CURVE.
    package var insecure: Bool

    /// Memberwise; `Socket.coordinator` checks that endpoint and security go together.
    package init(endpoint: Endpoint, security: ServerSecurity, insecure: Bool = false) {
        self.endpoint = endpoint
        self.security = security
        self.insecure = insecure
    }
}

/// A bound coordinator socket. Bound before the model is read, so that workers find it at once, and
/// served from then on; belongs to the thread that made it.
package final class CoordinatorListener {
    private let reception: Reception
    private let desk: FrontDesk
    /// Called between polls, on whatever thread polls; local workers are looked after here.
    let upkeep: @Sendable () throws -> Void
    /// With the real port.
    package let endpoint: Endpoint

    /// - Throws: `ZeroMQError` naming the endpoint.
    package init(
        _ address: CoordinatorAddress, logger: Logger,
        upkeep: @escaping @Sendable () throws -> Void = {}
    ) throws {
        let socket = try Socket.coordinator(
            Context(), bind: address.endpoint, security: address.security,
            insecure: address.insecure, profile: .cluster)
        endpoint = socket.endpoint ?? address.endpoint
        self.upkeep = upkeep
        reception = Reception(socket, logger: logger)
        desk = try FrontDesk(reception, upkeep: upkeep)
    }

    deinit { _ = desk.close() }

    /// The connections, for whoever runs the job: the calling thread serves them from here on.
    /// - Throws: what went wrong while the job was prepared.
    func takeOver() throws -> Reception {
        let failure = desk.close()
        reception.adopt()
        if let failure { throw failure }
        return reception
    }

    /// To be called when nobody who knows the address goes on connecting to it, as local workers do
    /// until they end: what comes in the moment of closing gets no answer to its handshake. What
    /// was said last may still leave.
    package func close() {
        _ = desk.close()
        reception.adopt()
        reception.close()
    }
}

/// Where a worker finds its coordinator.
package struct WorkerTarget: Sendable {
    /// Of the coordinator, to connect to.
    package var endpoint: Endpoint
    /// Without CURVE, or with the coordinator's public key and the worker's own pair.
    package var security: ClientSecurity
    /// Allows an endpoint off loopback without CURVE.
    package var insecure: Bool

    /// Memberwise; the socket checks that endpoint and security go together.
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
        // Whole messages; what a worker may ask for at a time is the real bound, and ``SendLedger``
        // counts bytes.
        profile.highWaterMark = 64
        return profile
    }()
}
