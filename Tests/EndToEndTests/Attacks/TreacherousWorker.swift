// SPDX-License-Identifier: Apache-2.0

import Foundation
import JobState
import Storage

@testable import Cluster
@testable import ZeroMQ

/// A worker that keeps the protocol and really computes, until what it says is turned into
/// something else.
final class TreacherousWorker {
    /// What goes out instead of a message; nothing for silence.
    typealias Twist = (Message) -> [Message]

    private let endpoint: Endpoint
    private let security: ClientSecurity
    private let context: Context
    private let compute: ComputeService
    private let twist: Twist
    private let start = ContinuousClock.now
    private var socket: Socket?
    private var core: WorkerCore
    /// Tasks it was given.
    private(set) var tasks = 0
    /// The coordinator wants nothing of it any more.
    private(set) var isShutOut = false

    /// Connects with one of the cluster's keys and calls itself a process of a host.
    init(
        _ guarded: GuardedCluster, key: String, host: String, process: UInt32,
        twist: @escaping Twist
    ) throws {
        endpoint = try Endpoint(guarded.cluster.endpoint)
        security = try guarded.security(key)
        context = try Context()
        compute = try ComputeService(threads: 1, wakeup: Wakeup())
        self.twist = twist
        core = WorkerCore(
            hello: Hello(
                golden: GoldenShard.digest, host: host, process: process, threads: 1, isa: "none",
                build: "0"))
        try connect()
    }

    deinit {
        compute.stop()
        socket?.close()
    }

    private var now: Duration { ContinuousClock.now - start }

    private func connect() throws {
        socket?.close()
        socket = try Socket.worker(
            context, connect: endpoint, security: security, profile: .cluster)
        try perform(core.handle(.connected, at: now))
    }

    /// Closes its connection and comes back on another.
    func reconnect() throws { try connect() }

    /// Does what there is to do.
    func step() throws {
        guard let socket, !isShutOut else { return }
        _ = try Poller.poll([.socket(socket)], timeoutMilliseconds: 5)
        while try socket.monitor?.receive() != nil {}
        while !isShutOut, self.socket === socket, case .message(let message) = try socket.receive()
        {
            let content = try MessageCodec.decode(message.frames)
            if case .task = content { tasks += 1 }
            try perform(core.handle(.received(content), at: now))
        }
        for outcome in compute.drain() {
            switch outcome {
            case .computed(let id, let biases, let payload):
                try perform(core.handle(.computed(id, biases: biases, payload: payload), at: now))
            case .failed(let id, let reason):
                try perform(core.handle(.failed(id, reason: reason), at: now))
            }
        }
        if !isShutOut { try perform(core.handle(.tick, at: now)) }
    }

    private func perform(_ actions: [WorkerCore.Action]) throws {
        for action in actions {
            switch action {
            case .send(let message):
                for other in twist(message) { _ = try socket?.send(MessageCodec.encode(other)) }
            case .compute(let request): compute.submit(request)
            case .reconnect: return try connect()
            case .exit: isShutOut = true
            case .disconnect, .log: break
            }
        }
    }
}
