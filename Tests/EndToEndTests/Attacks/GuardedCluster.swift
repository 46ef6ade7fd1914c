// SPDX-License-Identifier: Apache-2.0

import Foundation
import JobState
import Testing

@testable import Cluster
@testable import ZeroMQ

/// A coordinator with keys, and everything needed to join it or to be turned away.
struct GuardedCluster {
    let scratch: Scratch
    let out: String
    let cluster: Cluster
    /// Use of the coordinator before anybody came.
    let quiet: ProcessUse

    /// Names of workers with keys on the list.
    static let workers = ["one", "two"]

    /// - Parameters:
    ///   - listFile: the allow-list is one file instead of a directory.
    ///   - lease: seconds a worker may be silent.
    ///   - flags: of the coordinator, besides the example's.
    /// - Throws: when a process does not do what it should.
    init(listFile: Bool = false, lease: Int = 4, flags: [String] = []) throws {
        scratch = try Scratch()
        out = scratch("out")
        for name in ["coordinator", "stranger"] + Self.workers {
            let keys = scratch("keys-" + name)
            let made = try ChildProcess.run("keygen", "--out", keys)
            try #require(made.status == 0, "\(made.log)")
        }
        try scratch.folder("allowed")
        for name in Self.workers {
            try scratch.copy(scratch("keys-\(name)/worker.pub"), to: "allowed/\(name).pub")
        }
        if listFile { try scratch.write(try Self.list(scratch, Self.workers), to: "list") }
        let config = try Example.configuration(
            ["  lease_seconds: 2.5": "  lease_seconds: \(lease)"], in: scratch)
        cluster = try Cluster(
            flags: Example.flags(out: out, config: config) + flags,
            security: [
                "--key", scratch("keys-coordinator/coordinator.key"), "--allow",
                scratch(listFile ? "list" : "allowed"),
            ])
        // The first round is open when all memory of the start has been used.
        try cluster.coordinator.line(containing: "round opened", "round=0 ")
        quiet = try ProcessUse(cluster.coordinator)
    }

    var coordinator: ChildProcess { cluster.coordinator }

    /// The allow-list as one file.
    static func list(_ scratch: Scratch, _ names: [String]) throws -> String {
        try names.map { name in
            let key = try KeyFile.readPublic(scratch("keys-\(name)/worker.pub"))
            return "\(key.z85) \(name)\n"
        }.joined()
    }

    func worker(_ name: String) throws -> ChildProcess {
        try cluster.worker(security: [
            "--key", scratch("keys-\(name)/worker.key"), "--server-key",
            scratch("keys-coordinator/coordinator.pub"),
        ])
    }

    func security(_ name: String) throws -> ClientSecurity {
        try .curve(
            KeyFile.readSecret(scratch("keys-\(name)/worker.key")),
            serverKey: KeyFile.readPublic(scratch("keys-coordinator/coordinator.pub")))
    }

    /// A socket with a listed key that keeps none of the rules, and takes `queue` messages before
    /// anybody reads them.
    func recklessPeer(
        _ name: String, context: Context, queue: Int32 = 64
    ) throws -> MisbehavingPeer {
        try MisbehavingPeer(
            context, endpoint: cluster.endpoint, queue: queue, security: security(name))
    }

    /// The job still gives the bits of the undisturbed run; memory never grew by more than `memory`
    /// MiB, and nothing holds descriptors any more.
    func expectUndisturbed(memory: Int, worker name: String = "two") throws {
        let use = try ProcessUse(coordinator)
        #expect(
            use.peakMemory - quiet.peakMemory <= memory,
            "grew from \(quiet.peakMemory) to \(use.peakMemory) MiB")
        print("memory: \(quiet.peakMemory) MiB before, at most \(use.peakMemory) MiB during")
        try expectDescriptorsBack()
        let worker = try worker(name)
        let outcome = try coordinator.finish()
        #expect(outcome.status == 0, "\(outcome.log)")
        #expect(try Results(in: out) == Results.reference.get())
        #expect(try worker.finish().status == 0)
    }

    /// As many descriptors as before anybody came, and a few.
    private func expectDescriptorsBack() throws {
        try ProcessUse.wait(for: "its descriptors to be closed", of: coordinator) {
            $0.descriptors <= quiet.descriptors + 8
        }
    }
}

/// A worker's side of the protocol in the hands of a test.
struct MisbehavingPeer {
    let socket: Socket
    private let clock = ContinuousClock()
    private let end = End()

    private final class End {
        var isSeen = false
    }

    init(
        _ context: Context, endpoint: String, queue: Int32 = 64, security: ClientSecurity
    ) throws {
        var profile = SocketProfile()
        profile.highWaterMark = queue
        profile.maximumFrameBytes = 1 << 30
        profile.maximumMessageBytes = 1 << 30
        profile.maximumParts = 1 << 20
        socket = try Socket.worker(
            context, connect: Endpoint(endpoint), security: security, profile: profile)
    }

    func send(_ frames: [[UInt8]]) throws {
        try wait(for: "the socket to take a message") { try socket.send(frames) == .sent }
    }

    /// - Returns: false once a connection has ended.
    func sendIfConnected(_ frames: [[UInt8]]) throws -> Bool {
        var isSent = false
        try wait(for: "the socket to take a message, or its end") {
            isSent = try socket.send(frames) == .sent
            return isSent || end.isSeen
        }
        return isSent
    }

    private func wait(for what: String, _ isDone: () throws -> Bool) throws {
        let deadline = clock.now + .seconds(ChildProcess.deadline)
        while try !isDone() {
            guard clock.now < deadline else {
                throw RawPeer.Failure(description: "waited in vain for \(what)")
            }
            _ = try Poller.poll([.socket(socket, .writable)], timeoutMilliseconds: 10)
            try noteEvents()
        }
    }

    /// A connection that has ended is made again by libzmq, but never welcomed again.
    private func noteEvents() throws {
        while let event = try socket.monitor?.receive() {
            switch event.kind {
            case .disconnected, .handshakeFailed: end.isSeen = true
            default: break
            }
        }
    }

    func send(_ message: Message) throws { try send(MessageCodec.encode(message)) }

    /// The next message that `accept` takes; others are passed over.
    @discardableResult
    func next<Value>(_ what: String, _ accept: (Message) -> Value?) throws -> Value {
        let deadline = clock.now + .seconds(ChildProcess.deadline)
        while clock.now < deadline {
            try noteEvents()
            if case .message(let message) = try socket.receive() {
                if let value = accept(try MessageCodec.decode(message.frames)) { return value }
                continue
            }
            _ = try Poller.poll([.socket(socket)], timeoutMilliseconds: 100)
        }
        throw RawPeer.Failure(description: "waited in vain for \(what)")
    }

    static let hello = Hello(
        golden: GoldenShard.digest, host: "hostile", process: 1, threads: 1, isa: "none",
        build: "0")

    func refusal(of hello: Hello) throws -> String {
        try send(.hello(hello))
        return try next("a refusal") {
            if case .refusal(let reason) = $0 { reason } else { nil }
        }
    }

    /// Greets and answers the welcome.
    func join(as hello: Hello = hello) throws {
        try send(.hello(hello))
        try next("a welcome") { if case .welcome = $0 { () } else { nil } }
        try send(.heartbeat(progress: 0))
    }

    /// Joins and takes a task.
    func takeTask() throws -> TaskMessage {
        try join()
        return try next("a task") { if case .task(let task) = $0 { task } else { nil } }
    }
}
