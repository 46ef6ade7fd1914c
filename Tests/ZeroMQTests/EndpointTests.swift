// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ZeroMQ

@Suite struct EndpointTests {
    @Test(arguments: [
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555"),
        ("tcp://localhost:5555", "tcp://127.0.0.1:5555"),
        ("tcp://*:0", "tcp://*:*"),
        ("tcp://*:*", "tcp://*:*"),
        ("tcp://[::1]:65535", "tcp://[::1]:65535"),
        ("tcp://eth0:1", "tcp://eth0:1"),
        ("tcp://gpu-1.example.org:1", "tcp://gpu-1.example.org:1"),
        ("ipc:///tmp/a", "ipc:///tmp/a"),
        ("ipc://a", "ipc://a"),
    ])
    func accepted(_ text: String, _ canonical: String) throws {
        #expect(try Endpoint(text).description == canonical)
    }

    @Test(arguments: [
        "", "tcp", "tcp://", "tcp://host", "tcp://host:", "tcp://:5", "tcp://host:x",
        "tcp://host:-1", "tcp://host:65536", "tcp://host:99999999999999999999", "tcp://ho st:1",
        "tcp://a;b:1", "tcp://1.2.3:1", "tcp://1.2.3.256:1", "tcp://::1:5", "tcp://[::g]:5",
        "tcp://[1.2.3.4]:5", "tcp://[::1:5", "tcp://host:+5", "udp://h:1", "inproc://x",
        "TCP://h:1", "ipc://", "ipc://*", "ipc://@name", "ipc:///tmp/", "ipc://a\u{0}b",
    ])
    func refused(_ text: String) throws {
        let error = #expect(throws: ZeroMQError.self) { try Endpoint(text) }
        #expect(error?.code == .endpointInvalid)
        #expect(error?.endpoint == text)
    }

    @Test func longHostIsRefused() {
        let host = String(repeating: "a", count: 254)
        #expect(throws: ZeroMQError.self) { try Endpoint("tcp://\(host):1") }
    }

    @Test func pathMayHave107Bytes() throws {
        let path = "/" + String(repeating: "ä", count: 53)
        #expect(try Endpoint("ipc://" + path).address == .ipc(path: path))
        let error = #expect(throws: ZeroMQError.self) { try Endpoint("ipc://" + path + "x") }
        #expect(error?.code == .ipcPathTooLong)
        #expect(error?.detail == "108 bytes")
    }

    @Test(arguments: ["tcp://*:5", "tcp://0.0.0.0:5", "tcp://[::]:5", "tcp://127.0.0.1:*"])
    func wildcardsCannotBeConnectedTo(_ text: String) throws {
        let endpoint = try Endpoint(text)
        try endpoint.validate(for: .bind)
        #expect(throws: ZeroMQError.self) { try endpoint.validate(for: .connect) }
    }

    @Test(arguments: [
        ("tcp://127.0.0.1:5", true), ("tcp://127.9.9.9:5", true), ("tcp://[::1]:5", true),
        ("tcp://localhost:5", true), ("ipc:///tmp/a", true), ("tcp://*:5", false),
        ("tcp://0.0.0.0:5", false), ("tcp://[::]:5", false), ("tcp://lo:5", false),
        ("tcp://127.0.0.1.example.org:5", false), ("tcp://10.0.0.1:5", false),
        ("tcp://[::ffff:127.0.0.1]:5", false),
    ])
    func loopback(_ text: String, _ expected: Bool) throws {
        #expect(try Endpoint(text).isLoopback == expected)
    }

    @Test func errorTextNamesEndpointCauseAndRemedy() {
        let error = #expect(throws: ZeroMQError.self) { try Endpoint("tcp://host") }
        #expect(
            error?.description
                == "not a usable endpoint: tcp://host (the port is missing). "
                + "Use tcp://HOST:PORT or ipc://PATH")
    }
}
