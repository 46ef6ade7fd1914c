// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing
import ZeroMQ

@testable import Cluster

/// A TCP connection that greets, and reads nothing after its handshake; the kernel takes little on
/// its behalf.
final class DeafPeer {
    private let descriptor: Int32

    init(_ endpoint: Endpoint, number: Int) throws {
        guard case .tcp(_, let port) = endpoint.address else {
            throw Meeting.TimedOut(description: "no port")
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(descriptor >= 0)
        var size: Int32 = 16 << 10
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        // ZMTP 3.0 without security, as a DEALER.
        let greeting: [UInt8] =
            [0xFF] + [UInt8](repeating: 0, count: 8) + [0x7F, 3, 0] + Array("NULL".utf8)
            + [UInt8](repeating: 0, count: 48)
        let ready: [UInt8] =
            [0x04, 28, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 6]
            + Array("DEALER".utf8)
        try put(greeting + ready)
        // libzmq takes no message before it has said READY itself.
        _ = try take(64)
        let command = try take(2)
        _ = try take(Int(command[1]))
        let hello = MessageCodec.encode(.hello(Meeting.hello(number)))[0]
        try put([0x00, UInt8(hello.count)] + hello)
    }

    private func put(_ bytes: [UInt8]) throws {
        try #require(send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    private func take(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try #require(recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) == count)
        return bytes
    }

    deinit { close(descriptor) }
}
