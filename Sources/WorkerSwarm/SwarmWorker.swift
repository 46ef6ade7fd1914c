// SPDX-License-Identifier: Apache-2.0

import Cluster
import JobState
import Release
import Synchronization
import ZeroMQ

/// What the simulated workers share.
final class Swarm: Sendable {
    let size: Int
    let target: WorkerTarget
    let results = SharedResults()
    let welcomed = Atomic<Int>(0)
    let sent = Atomic<Int>(0)
    let received = Atomic<Int>(0)

    init(size: Int, target: WorkerTarget) {
        self.size = size
        self.target = target
    }

    /// Results wait until every worker is in, so that the rounds behind the first see all of them.
    var isComplete: Bool { welcomed.load(ordering: .relaxed) >= size }
}

/// A worker's protocol core and its own real socket; only the computation is shared.
final class SwarmWorker {
    private let swarm: Swarm
    private let context: Context
    private var core: WorkerCore
    private(set) var socket: Socket
    private var outbox: [[[UInt8]]] = []
    private var waiting: [ComputeRequest] = []
    private var isWelcomed = false
    private(set) var exit: WorkerExit?

    init(number: Int, of swarm: Swarm, _ context: Context, now: Duration) throws {
        self.swarm = swarm
        self.context = context
        core = WorkerCore(
            hello: Hello(
                golden: GoldenShard.digest, host: "simulated-\(number)", process: UInt32(number),
                threads: 1, isa: "none", build: Build.version))
        socket = try Self.connect(swarm.target, context)
        try handle(.connected, at: now)
    }

    private static func connect(_ target: WorkerTarget, _ context: Context) throws -> Socket {
        try Socket.worker(
            context, connect: target.endpoint, security: target.security,
            insecure: target.insecure, profile: .cluster)
    }

    /// Takes whatever has arrived.
    func receive(at now: Duration) throws {
        while exit == nil, case .message(let message) = try socket.receive() {
            swarm.received.add(1, ordering: .relaxed)
            let event: WorkerCore.Event
            do throws(WireError) {
                event = .received(try MessageCodec.decode(message.frames))
            } catch {
                event = .malformed(error)
            }
            try handle(event, at: now)
        }
    }

    /// Looks at the clock and at what waits.
    func tick(at now: Duration) throws {
        while try socket.monitor?.receive() != nil {}
        try handle(.tick, at: now)
        try compute(at: now)
        try flush()
    }

    /// Leaves: what waits in the socket may still go out.
    func close() throws {
        try flush()
        socket.close(goodbye: true)
    }

    private func handle(_ event: WorkerCore.Event, at now: Duration) throws {
        for action in core.handle(event, at: now) {
            switch action {
            case .send(let message):
                outbox.append(MessageCodec.encode(message))
            case .compute(let request):
                waiting.append(request)
            case .reconnect:
                socket.close()
                socket = try Self.connect(swarm.target, context)
                outbox = []
                try handle(.connected, at: now)
                return
            case .exit(let reason):
                exit = reason
            case .log(.welcomed):
                if !isWelcomed { swarm.welcomed.add(1, ordering: .relaxed) }
                isWelcomed = true
            // It asks for no rest, as it does not look at handshakes.
            case .log, .disconnect:
                break
            }
        }
        try compute(at: now)
        try flush()
    }

    private func compute(at now: Duration) throws {
        guard swarm.isComplete, !waiting.isEmpty else { return }
        let request = waiting.removeFirst()
        let (biases, payload) = try swarm.results.answer(request)
        try handle(.computed(request.task.id, biases: biases, payload: payload), at: now)
    }

    private func flush() throws {
        while let frames = outbox.first, try socket.send(frames) == .sent {
            swarm.sent.add(1, ordering: .relaxed)
            outbox.removeFirst()
        }
    }
}
