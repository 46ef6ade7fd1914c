// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing
import ZeroMQ

/// Every wait in these tests ends here at the latest; none of them is expected to.
let patience = Duration.seconds(20)

struct TimedOut: Error, CustomStringConvertible {
    var waitingFor: String
    var seen: String
    var description: String { "waited in vain for \(waitingFor); saw: \(seen)" }
}

/// A directory with mode 0700 that goes away with the value.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/counterbias-zmq-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TimedOut(waitingFor: "mkdtemp", seen: "") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }
}

extension RawRepresentable where RawValue: BinaryInteger {
    /// Anonymous C enums arrive as structs.
    var rawInt: Int32 { Int32(rawValue) }
}

extension BinaryInteger {
    var rawInt: Int32 { Int32(self) }
}

func write(_ text: String, to path: String, mode: mode_t = 0o600) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    try #require(fchmod(descriptor, mode) == 0)
}

func mode(of path: String) throws -> mode_t {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return status.st_mode & 0o777
}

/// Runs `attempt` whenever one of `items` is ready until it returns a value.
func waitFor<Value>(
    _ what: String, on items: [PollItem], seen: () -> String = { "" },
    _ attempt: () throws -> Value?
) throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + patience
    while clock.now < deadline {
        if let value = try attempt() { return value }
        _ = try Poller.poll(items, timeoutMilliseconds: 100)
    }
    throw TimedOut(waitingFor: what, seen: seen())
}

/// The next message on `socket`.
func next(_ socket: Socket) throws -> IncomingMessage {
    try waitFor("a message", on: [.socket(socket)]) {
        switch try socket.receive() {
        case .wouldBlock: return nil
        case .message(let message): return message
        case .oversized(_, let parts, let bytes):
            throw TimedOut(waitingFor: "a message", seen: "oversized: \(parts), \(bytes)")
        }
    }
}

/// Sends as soon as the socket takes it.
func sendNow(_ frames: [[UInt8]], on socket: Socket, to peer: PeerID? = nil) throws {
    try waitFor("a free queue", on: [.socket(socket, .writable)]) {
        try socket.send(frames, to: peer) == .sent ? () : nil
    }
}

/// The first event of `socket` that `accept` takes; earlier ones are consumed.
@discardableResult
func event(
    _ what: String, of socket: Socket, where accept: (MonitorEvent.Kind) -> Bool
) throws -> MonitorEvent {
    let monitor = try #require(socket.monitor)
    var seen: [MonitorEvent] = []
    return try waitFor(what, on: [.monitor(monitor)], seen: { "\(seen)" }) {
        while let event = try monitor.receive() {
            seen.append(event)
            if accept(event.kind) { return event }
        }
        return nil
    }
}

extension MonitorEvent.Kind {
    var isDisconnected: Bool {
        if case .disconnected = self { true } else { false }
    }

    var isAccepted: Bool {
        if case .accepted = self { true } else { false }
    }
}

/// Where a test lets its sockets meet.
enum Meeting: CaseIterable, Sendable {
    case tcp, ipc

    func endpoint(in directory: TemporaryDirectory) throws -> Endpoint {
        switch self {
        case .tcp: try Endpoint("tcp://127.0.0.1:*")
        case .ipc: try Endpoint("ipc://" + directory.file("socket"))
        }
    }
}

/// A coordinator and a worker that have found each other.
struct Pair {
    let directory: TemporaryDirectory
    let coordinator: Socket
    let worker: Socket
    let peer: PeerID

    init(
        _ meeting: Meeting = .tcp, coordinatorProfile: SocketProfile = .init(),
        workerProfile: SocketProfile = .init()
    ) throws {
        let context = try Context()
        directory = try TemporaryDirectory()
        coordinator = try Socket.coordinator(
            context, bind: meeting.endpoint(in: directory), security: .none,
            profile: coordinatorProfile)
        worker = try Socket.worker(
            context, connect: #require(coordinator.endpoint), security: .none,
            profile: workerProfile)
        try sendNow([[1]], on: worker)
        let hello = try next(coordinator)
        try #require(hello.frames == [[1]])
        peer = try #require(hello.peer)
    }
}

/// Small, seeded, and the same everywhere (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
