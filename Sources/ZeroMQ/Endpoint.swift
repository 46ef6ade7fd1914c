// SPDX-License-Identifier: Apache-2.0

import Glibc

/// An address to bind or to connect: `tcp://HOST:PORT` or `ipc://PATH`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// What an endpoint is meant for.
    package enum Role: Sendable { case bind, connect }

    /// The transport and what it takes to find the other side.
    package enum Address: Hashable, Sendable {
        /// A Unix domain socket.
        case ipc(path: String)
        /// `host` is an IPv4 or IPv6 address (without brackets), a host name, an interface name (to
        /// bind), or `*` for all interfaces (to bind). `port` 0 stands for any free port (to bind).
        case tcp(host: String, port: UInt16)
    }

    /// `sun_path` holds 108 bytes including the terminating zero.
    package static let maximumPathBytes = 107

    /// With `localhost` replaced.
    package let address: Address

    /// Parses and checks everything that can be known without the network. `localhost` becomes
    /// `127.0.0.1`: libzmq does not resolve names when it binds, and a resolver could answer
    /// anything.
    /// - Throws: `.endpointInvalid`, `.ipcPathTooLong`.
    package init(_ text: String) throws(ZeroMQError) {
        if let rest = text.suffix(after: "tcp://") {
            address = try Self.tcp(rest, in: text)
        } else if let rest = text.suffix(after: "ipc://") {
            address = try Self.ipc(rest, in: text)
        } else {
            throw Self.invalid(text, "the transport is neither tcp:// nor ipc://")
        }
    }

    /// - Throws: `.endpointInvalid` if a wildcard is to be connected to.
    package func validate(for role: Role) throws(ZeroMQError) {
        guard role == .connect, case .tcp(let host, let port) = address else { return }
        if port == 0 { throw Self.invalid(description, "a worker needs the port") }
        if host == "*" || host == "0.0.0.0" || host == "::" {
            throw Self.invalid(description, "a worker needs the coordinator's address")
        }
    }

    /// Whether packets to it cannot leave this machine. Interface and host names count as leaving.
    package var isLoopback: Bool {
        guard case .tcp(let host, _) = address else { return true }
        return host == "::1" || (Self.isIPv4(host) && host.hasPrefix("127."))
    }

    var isIPv6: Bool {
        guard case .tcp(let host, _) = address else { return false }
        return host.contains(":")
    }

    /// As libzmq wants it.
    package var description: String {
        switch address {
        case .ipc(let path): "ipc://" + path
        case .tcp(let host, let port):
            "tcp://" + (host.contains(":") ? "[\(host)]" : host) + ":"
                + (port == 0 ? "*" : String(port))
        }
    }
}

// MARK: - Parsing

extension Endpoint {
    private static func invalid(_ text: String, _ detail: String) -> ZeroMQError {
        ZeroMQError(.endpointInvalid, endpoint: text, detail: detail)
    }

    private static func ipc(
        _ path: Substring, in text: String
    ) throws(ZeroMQError) -> Address {
        guard !path.isEmpty, path != "*" else { throw invalid(text, "the path is missing") }
        guard !path.hasPrefix("@") else {
            throw invalid(text, "abstract sockets have no permissions; use a path")
        }
        guard !path.hasSuffix("/") else { throw invalid(text, "the path is a directory") }
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw invalid(text, "the path contains control characters")
        }
        guard path.utf8.count <= maximumPathBytes else {
            throw ZeroMQError(
                .ipcPathTooLong, endpoint: text, detail: "\(path.utf8.count) bytes")
        }
        return .ipc(path: String(path))
    }

    private static func tcp(
        _ rest: Substring, in text: String
    ) throws(ZeroMQError) -> Address {
        guard let colon = rest.lastIndex(of: ":") else {
            throw invalid(text, "the port is missing")
        }
        let port = try Self.port(rest[rest.index(after: colon)...], in: text)
        var host = String(rest[..<colon])
        guard !host.isEmpty else { throw invalid(text, "the host is missing") }
        if host == "localhost" { host = "127.0.0.1" }
        if host == "*" { return .tcp(host: host, port: port) }
        if host.hasPrefix("[") || host.contains(":") {
            guard host.hasPrefix("["), host.hasSuffix("]"), isIPv6(host.dropFirst().dropLast())
            else { throw invalid(text, "an IPv6 address is written [ADDRESS]") }
            return .tcp(host: String(host.dropFirst().dropLast()), port: port)
        }
        guard host.utf8.count <= 253, host.utf8.allSatisfy(isHostCharacter) else {
            throw invalid(text, "the host contains characters no host name has")
        }
        let numeric = host.utf8.allSatisfy { $0 == 0x2e || (0x30...0x39).contains($0) }
        guard !numeric || isIPv4(host) else { throw invalid(text, "not an IPv4 address") }
        return .tcp(host: host, port: port)
    }

    private static func port(
        _ digits: Substring, in text: String
    ) throws(ZeroMQError) -> UInt16 {
        if digits == "*" { return 0 }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits)
        else { throw invalid(text, "the port is not a number from 0 to 65535, or *") }
        return port
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isIPv4(_ host: String) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
    }

    private static func isIPv6(_ host: Substring) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, String(host), &address) == 1
    }
}

extension String {
    func suffix(after prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
