// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

@Suite struct EndpointSafetyTests {
    @Test(arguments: ["tcp://*:*", "tcp://0.0.0.0:*", "tcp://[::]:*", "tcp://lo:*"])
    func bindBeyondLoopbackNeedsCurve(_ text: String) throws {
        let endpoint = try Endpoint(text)
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(context, bind: endpoint, security: .none)
        }
        #expect(error?.code == .insecureEndpoint)
        #expect(error?.description.contains("--insecure") == true)
        try endpoint.checkUnencrypted(insecure: true)
    }

    @Test func connectBeyondLoopbackNeedsCurve() throws {
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.worker(
                context, connect: Endpoint("tcp://coordinator.invalid:5"), security: .none)
        }
        #expect(error?.code == .insecureEndpoint)
    }

    @Test(arguments: [0o701, 0o710, 0o750, 0o755, 0o777])
    func ipcNeedsPrivateDirectory(_ mode: mode_t) throws {
        let directory = try TemporaryDirectory()
        let endpoint = try Endpoint("ipc://" + directory.file("socket"))
        try #require(chmod(directory.path, mode) == 0)
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(context, bind: endpoint, security: .none)
        }
        #expect(error?.code == .directoryNotPrivate)
        #expect(error?.file == directory.path)
        let connecting = #expect(throws: ZeroMQError.self) {
            try Socket.worker(context, connect: endpoint, security: .none)
        }
        #expect(connecting?.code == .directoryNotPrivate)
        _ = try Socket.coordinator(context, bind: endpoint, security: .none, insecure: true)
    }

    @Test func missingDirectoryIsNamed() throws {
        let directory = try TemporaryDirectory()
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(
                context, bind: Endpoint("ipc://" + directory.file("no/socket")), security: .none)
        }
        #expect(error?.code == .directoryNotPrivate)
        #expect(error?.errorNumber == ENOENT)
    }

    @Test func documentInTheWayIsKept() throws {
        let directory = try TemporaryDirectory()
        try write("thesis", to: directory.file("socket"))
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(
                context, bind: Endpoint("ipc://" + directory.file("socket")), security: .none)
        }
        #expect(error?.code == .ipcPathOccupied)
        #expect(try SmallFile.read(directory.file("socket"), limit: 100).text == "thesis")
    }

    @Test(arguments: Meeting.allCases)
    func addressOfLivingCoordinatorIsRefused(_ meeting: Meeting) throws {
        let pair = try Pair(meeting)
        let endpoint = try #require(pair.coordinator.endpoint)
        let other = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(other, bind: endpoint, security: .none)
        }
        #expect(error?.code == .addressInUse)
        #expect(error?.endpoint == endpoint.description)
        try sendNow([[2]], on: pair.worker)
        #expect(try next(pair.coordinator).frames == [[2]])
    }

    @Test func socketOfDeadCoordinatorIsReplaced() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        let dead = socket(AF_UNIX, SOCK_STREAM.rawInt, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(dead, $0, size) }
        }
        try #require(bound == 0)
        close(dead)
        let context = try Context()
        _ = try Socket.coordinator(context, bind: Endpoint("ipc://" + path), security: .none)
    }

    @Test func foreignAddressCannotBeBound() throws {
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(
                context, bind: Endpoint("tcp://192.0.2.1:*"), security: .none, insecure: true)
        }
        #expect(error?.code == .addressUnavailable)
    }
}
