// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

/// Peers that speak TCP, but ZMTP badly or not at all.
@Suite struct HostilePeerTests {
    private static let greeting: [UInt8] =
        [0xff] + [UInt8](repeating: 0, count: 8) + [0x7f, 3, 0]
        + Array("NULL".utf8) + [UInt8](repeating: 0, count: 16 + 32)
    private static let ready: [UInt8] =
        [0x04, 28, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8)
        + [0, 0, 0, 6] + Array("DEALER".utf8)

    /// A blocking TCP connection to `endpoint`.
    private func connected(to endpoint: Endpoint?) throws -> Int32 {
        guard case .tcp(_, let port) = endpoint?.address else {
            throw TimedOut(waitingFor: "", seen: "")
        }
        let descriptor = socket(AF_INET, SOCK_STREAM.rawInt, 0)
        try #require(descriptor >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        try #require(status == 0)
        return descriptor
    }

    /// May fail, since the other side is free to hang up.
    private func put(_ bytes: [UInt8], on descriptor: Int32) {
        _ = send(descriptor, bytes, bytes.count, MSG_NOSIGNAL.rawInt)
    }

    @Test func garbageHurtsNobodyElse() throws {
        let pair = try Pair()
        var generator = SeededGenerator(state: 11)
        for _ in 0..<100 {
            let descriptor = try connected(to: pair.coordinator.endpoint)
            var bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                bytes = Self.greeting.prefix(Int.random(in: 0...64, using: &generator)) + bytes
            }
            put(bytes, on: descriptor)
            close(descriptor)
        }
        try sendNow([[8]], on: pair.worker)
        // Without CURVE libzmq still speaks ZMTP 1.0, in which garbage can be a message: telling is
        // up to the application.
        while true {
            let message = try next(pair.coordinator)
            guard message.peer == pair.peer else { continue }
            #expect(message.frames == [[8]], "seed 11")
            break
        }
    }

    @Test func giganticFrameHeaderEndsTheConnection() throws {
        let context = try Context()
        let coordinator = try Socket.coordinator(
            context, bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
        let descriptor = try connected(to: coordinator.endpoint)
        defer { close(descriptor) }
        put(Self.greeting + Self.ready, on: descriptor)
        try event("the handshake", of: coordinator) { $0 == .handshakeSucceeded }
        put([0x02, 0, 0, 0, 2, 0, 0, 0, 0], on: descriptor)
        try event("the disconnection", of: coordinator) { $0.isDisconnected }
        #expect(try coordinator.receive() == .wouldBlock)
    }

    @Test func tornMessageIsNeverSeen() throws {
        let context = try Context()
        let coordinator = try Socket.coordinator(
            context, bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
        let descriptor = try connected(to: coordinator.endpoint)
        put(Self.greeting + Self.ready, on: descriptor)
        try event("the handshake", of: coordinator) { $0 == .handshakeSucceeded }
        put([0x00, 1, 7, 0x01, 1, 8, 0x01, 1, 9], on: descriptor)
        #expect(try next(coordinator).frames == [[7]])
        close(descriptor)
        try event("the disconnection", of: coordinator) { $0.isDisconnected }
        #expect(try coordinator.receive() == .wouldBlock)
    }
}
