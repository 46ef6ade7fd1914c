// SPDX-License-Identifier: Apache-2.0

/// How a coordinator protects its socket. There is no way to ask for encryption without
/// authentication: libzmq would then admit every key.
package enum ServerSecurity: Sendable {
    /// No encryption; allowed on loopback and on ipc in a private directory.
    case none
    /// CURVE with the coordinator's own keys; only keys on the list are admitted.
    case curve(CurveKeyPair, allowList: AllowList)
}

/// How a worker protects its socket.
package enum ClientSecurity: Sendable {
    /// No encryption; allowed on loopback and on ipc in a private directory.
    case none
    /// CURVE with the worker's own keys; only the coordinator with `serverKey` can answer.
    case curve(CurveKeyPair, serverKey: PublicKey)
}
