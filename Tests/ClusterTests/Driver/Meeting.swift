// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import JobState
import Logging
import TestSupport
import Testing
import ZeroMQ

@testable import Cluster

/// Where a reception and the peers of a test meet.
final class Meeting {
    struct TimedOut: Error, CustomStringConvertible { var description: String }

    let endpoint: Endpoint
    let folder: String

    /// A Unix domain socket in a directory of its own.
    init() throws {
        var template = Array("/tmp/counterbias-meeting-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        endpoint = try Endpoint("ipc://\(folder)/socket")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    static var logger: Logger {
        Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    }

    static func hello(_ number: Int) -> Hello {
        Hello(
            golden: GoldenShard.digest, host: "host", process: UInt32(number), threads: 1,
            isa: "none", build: "0")
    }

    /// A peer that has greeted.
    func worker(
        _ number: Int, _ context: Context, security: ClientSecurity = .none
    ) throws -> Socket {
        let socket = try Socket.worker(
            context, connect: endpoint, security: security, profile: .cluster)
        try Self.send(.hello(Self.hello(number)), on: socket)
        return socket
    }

    static func send(_ message: Message, on socket: Socket) throws {
        try wait(for: "room to send", [socket], .writable) {
            try socket.send(MessageCodec.encode(message)) == .sent
        }
    }

    /// Looks again whenever something comes on one of the sockets.
    static func wait(
        for what: String, _ sockets: [Socket], _ interest: PollEvents = .readable,
        _ isDone: () throws -> Bool
    ) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try !isDone() {
            guard ContinuousClock.now < deadline else {
                throw TimedOut(description: "waited in vain for \(what)")
            }
            _ = try Poller.poll(
                sockets.map { .socket($0, interest) }, timeoutMilliseconds: 20)
        }
    }
}

extension Reception {
    /// Serves until `isDone`, and hands every event to `take`.
    func serve(
        until what: String, _ take: (Event) throws -> Void = { _ in },
        isDone: () throws -> Bool
    ) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try !isDone() {
            guard ContinuousClock.now < deadline else {
                throw Meeting.TimedOut(description: "served in vain until \(what)")
            }
            try wait(atMost: 20)
            try attend(take)
        }
    }
}
