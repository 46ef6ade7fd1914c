// SPDX-License-Identifier: Apache-2.0

/// Whose word something is. Peers without keys cannot be told apart: all of them are one.
enum Principal: Hashable, Sendable {
    case key(String)
    case keyless
}

extension Credentials {
    var principal: Principal { key.map(Principal.key) ?? .keyless }
}

/// A worker on one connection: what the transport proved of it, and what it says of itself.
package struct Account: Hashable, Sendable {
    /// The connection.
    package var worker: WorkerID
    /// What it says of itself; may be a lie.
    package var hello: Hello
    /// What the transport proved.
    package var credentials: Credentials

    /// Memberwise; without credentials it is a peer on a transport without keys.
    package init(_ worker: WorkerID, _ hello: Hello, _ credentials: Credentials = .none) {
        self.worker = worker
        self.hello = hello
        self.credentials = credentials
    }

    var principal: Principal { credentials.principal }
}

extension Account: CustomStringConvertible {
    /// For an operator: what is proved first.
    package var description: String {
        let claim = "process \(hello.process) on \(hello.host) (\(hello.isa), build \(hello.build))"
        guard let key = credentials.name ?? credentials.key else { return claim }
        let address = credentials.address.map { " at \($0)" } ?? ""
        return "key \(key)\(address), \(claim)"
    }
}
