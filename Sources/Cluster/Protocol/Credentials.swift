// SPDX-License-Identifier: Apache-2.0

/// Who is behind a connection as the transport proved it. Nothing in it is the peer's own word.
package struct Credentials: Hashable, Sendable {
    /// The public key in Z85; nil on transports without keys.
    package var key: String?
    /// The key's name in the allow-list.
    package var name: String?
    /// The peer's IP address; nil where it has none.
    package var address: String?

    /// Memberwise; without arguments it is ``none``.
    package init(key: String? = nil, name: String? = nil, address: String? = nil) {
        self.key = key
        self.name = name
        self.address = address
    }

    /// Of a transport without keys.
    package static let none = Credentials()
}
