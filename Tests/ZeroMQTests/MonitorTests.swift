// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

@Suite struct MonitorTests {
    private func parse(_ number: UInt16, _ value: UInt32) -> MonitorEvent.Kind? {
        let head =
            withUnsafeBytes(of: number) { Array($0) } + withUnsafeBytes(of: value) { Array($0) }
        return MonitorEvent(frames: [head, Array("tcp://x:1".utf8)])?.kind
    }

    @Test func eventNumbers() {
        #expect(parse(0x0001, 9) == .connected(descriptor: 9))
        #expect(parse(0x0008, 0) == .listening)
        #expect(parse(0x0010, 98) == .bindFailed(errorNumber: 98))
        #expect(parse(0x0020, 7) == .accepted(descriptor: 7))
        #expect(parse(0x0200, 7) == .disconnected(descriptor: 7))
        #expect(parse(0x0800, 110) == .handshakeFailed(.noDetail(errorNumber: 110)))
        #expect(parse(0x1000, 0) == .handshakeSucceeded)
        #expect(parse(0x2000, 0x1100_0001) == .handshakeFailed(.wrongKey))
        #expect(parse(0x2000, 0x1100_0002) == .handshakeFailed(.mechanismMismatch))
        #expect(
            parse(0x2000, 0x1000_0013) == .handshakeFailed(.protocolError(code: 0x1000_0013)))
        #expect(parse(0x4000, 400) == .handshakeFailed(.refused(status: 400)))
        #expect(parse(0x8000, 0xffff_ffff) == .unknown(number: 0x8000, value: 0xffff_ffff))
        #expect(MonitorEvent(frames: [[1, 2, 3, 4, 5], []]) == nil)
        #expect(MonitorEvent(frames: [[1, 2, 3, 4, 5, 6]]) == nil)
    }

    @Test func bothSidesSeeTheirConnection() throws {
        let context = try Context()
        let coordinator = try Socket.coordinator(
            context, bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
        let endpoint = try #require(coordinator.endpoint)
        let listening = try event("listening", of: coordinator) { $0 == .listening }
        #expect(listening.endpoint == endpoint.description)
        let worker = try Socket.worker(context, connect: endpoint, security: .none)
        try event("the connection", of: worker) {
            if case .connected = $0 { true } else { false }
        }
        try event("the connection", of: coordinator) { $0.isAccepted }
        try event("the handshake", of: worker) { $0 == .handshakeSucceeded }
        try event("the handshake", of: coordinator) { $0 == .handshakeSucceeded }
        coordinator.close()
        try event("the disconnection", of: worker) { $0.isDisconnected }
    }
}
