// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A TCP connection on which a test writes and reads bytes as it likes.
final class RawPeer {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let descriptor: Int32

    /// ZMTP 3.0's greeting without security.
    static let nullGreeting = greeting("NULL")
    static let curveGreeting = greeting("CURVE")
    /// What a DEALER says after it.
    static let ready = ready(identity: [])

    /// The same of one that wants to be known by `identity`, at most 64 bytes.
    private static func ready(identity: [UInt8]) -> [UInt8] {
        func property(_ name: String, _ value: [UInt8]) -> [UInt8] {
            [UInt8(name.utf8.count)] + name.utf8 + [0, 0, 0, UInt8(value.count)] + value
        }
        let body =
            [5] + Array("READY".utf8) + property("Socket-Type", Array("DEALER".utf8))
            + (identity.isEmpty ? [] : property("Identity", identity))
        return [0x04, UInt8(body.count)] + body
    }

    private static func greeting(_ mechanism: String) -> [UInt8] {
        [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Array(mechanism.utf8)
            + [UInt8](repeating: 0, count: 20 - mechanism.utf8.count + 32)
    }

    /// Connects to `tcp://127.0.0.1:PORT`.
    init(_ endpoint: String) throws {
        guard let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw Failure(description: "no port in \(endpoint)")
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Neither side may wait for the other without end.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard status == 0 else { throw Failure(description: "connect: errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// - Returns: whether all of it went out; false once the other side has hung up.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Greets without security and waits for the answer: libzmq takes no message before it has said
    /// READY itself.
    func shakeHands(identity: [UInt8] = []) throws {
        send(Self.nullGreeting + Self.ready(identity: identity))
        _ = try receive(64)
        let command = try receive(2)
        _ = try receive(Int(command[1]))
    }

    private func receive(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(descriptor, &bytes, count, Int32(MSG_WAITALL))
        guard got == count else {
            throw Failure(description: "\(got) of \(count) bytes, errno \(errno)")
        }
        return bytes
    }

    /// Everything the other side says until it hangs up.
    /// - Throws: if it stays for 20 s without a word.
    func receiveToEnd() throws -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                all += buffer[..<count]
            } else if count == 0 || errno == ECONNRESET {
                return all
            } else {
                throw Failure(description: "no end after \(all.count) bytes, errno \(errno)")
            }
        }
    }
}
