// SPDX-License-Identifier: Apache-2.0

import Foundation
import JobState
import Kernels
package import Logging
import Release
import Storage
import ZeroMQ

/// Runs a worker on the calling thread: owns the socket, performs what ``WorkerCore`` decides.
package final class WorkerDriver {
    private let target: WorkerTarget
    private let logger: Logger
    private let metrics: MetricsBoard<WorkerMetrics>?
    private let stop: StopSignal
    private let parent: Int32?
    private let wakeup: Wakeup
    private let compute: ComputeService
    private let context: Context
    private let clock = MonotonicClock()
    private var core: WorkerCore
    /// Nil while the worker rests.
    private var socket: Socket?
    /// Of the connection whose handshake is under way.
    private var witness: ConnectionWitness?
    private var outbox = Outbox<[[UInt8]]>(limit: 256)
    private var exit: WorkerExit?

    /// How long to wait for something to happen before looking at the clock, in milliseconds.
    private static let tick = 100

    /// - Parameters:
    ///   - target: where the coordinator is.
    ///   - threads: compute threads, at least 1.
    ///   - stop: ends the worker.
    ///   - parent: process whose end ends this worker; nil for none.
    ///   - limits: how long to wait for what.
    ///   - logger: told of connections and failures.
    ///   - metrics: counts what happens, if anybody wants to know.
    /// - Throws: when the process is out of threads or descriptors.
    package init(
        target: WorkerTarget, threads: Int, stop: StopSignal, parent: Int32? = nil,
        limits: WorkerLimits = WorkerLimits(), logger: Logger,
        metrics: MetricsBoard<WorkerMetrics>? = nil
    ) throws {
        self.target = target
        self.metrics = metrics
        let (host, process) = (
            ProcessInfo.processInfo.hostName, ProcessInfo.processInfo.processIdentifier
        )
        var named = logger
        // The coordinator logs the same host and process; its number for the connection is its own.
        named[metadataKey: "worker"] = "\(host):\(process)"
        self.logger = named
        self.stop = stop
        self.parent = parent
        wakeup = try Wakeup()
        compute = try ComputeService(threads: threads, wakeup: wakeup)
        context = try Context()
        core = WorkerCore(
            hello: Hello(
                golden: GoldenShard.digest, host: host, process: UInt32(process),
                threads: UInt32(threads), isa: CPU.isaName, build: Build.version),
            limits: limits)
    }

    /// Works until the job is finished, the coordinator refuses, or a signal arrives.
    package func run() throws -> WorkerExit {
        defer { compute.stop() }
        try connect()
        while exit == nil { try step() }
        _ = try flush()
        socket?.close(goodbye: true)
        return exit ?? .stopped("")
    }

    private func disconnect() {
        socket?.close()
        socket = nil
        witness = nil
        outbox = Outbox(limit: 256)
    }

    private func connect() throws {
        disconnect()
        socket = try Socket.worker(
            context, connect: target.endpoint, security: target.security,
            insecure: target.insecure, profile: .cluster)
        metrics?.update { $0.connecting() }
        logger.debug("connecting", metadata: ["endpoint": "\(target.endpoint)"])
        try perform(core.handle(.connected, at: clock.now))
    }

    private func step() throws {
        var items: [PollItem] = [.wakeup(wakeup), .wakeup(stop.wakeup)]
        if let socket { items.append(.socket(socket)) }
        if let monitor = socket?.monitor { items.append(.monitor(monitor)) }
        _ = try Poller.poll(items, timeoutMilliseconds: try flush() ? Self.tick : 5)
        wakeup.drain()
        if let signal = stop.received {
            try perform(core.handle(.stop(reason: signal), at: clock.now))
            return
        }
        if let parent, getppid() != parent {
            try perform(core.handle(.stop(reason: "the parent process ended"), at: clock.now))
            return
        }
        for outcome in compute.drain() {
            switch outcome {
            case .computed(let id, let biases, let payload):
                metrics?.update { [now = clock.now] in
                    $0.finished(id, succeeded: true, at: now)
                }
                logger.debug(
                    "shard computed", metadata: ["round": "\(id.round)", "shard": "\(id.shard)"])
                try perform(
                    core.handle(.computed(id, biases: biases, payload: payload), at: clock.now))
            case .failed(let id, let reason):
                metrics?.update { [now = clock.now] in
                    $0.finished(id, succeeded: false, at: now)
                }
                logger.warning(
                    "shard failed",
                    metadata: [
                        "round": "\(id.round)", "shard": "\(id.shard)", "reason": "\(reason)",
                    ])
                try perform(core.handle(.failed(id, reason: reason), at: clock.now))
            }
        }
        if let socket {
            try receive(from: socket)
            try readMonitor(of: socket)
        }
        if exit == nil { try perform(core.handle(.tick, at: clock.now)) }
    }

    private func receive(from socket: Socket) throws {
        // Bounded, so that the clock and the compute thread get their turn.
        for _ in 0..<64 where exit == nil && self.socket === socket {
            switch try socket.receive() {
            case .wouldBlock:
                return
            case .message(let message):
                let event: WorkerCore.Event
                do throws(WireError) {
                    event = .received(try MessageCodec.decode(message.frames))
                } catch {
                    event = .malformed(error)
                }
                metrics?.received(event, message.frames)
                try perform(core.handle(event, at: clock.now))
            case .oversized(_, _, let bytes):
                let error = WireError(.payloadTooLarge(bytes: UInt64(bytes)))
                try perform(core.handle(.malformed(error), at: clock.now))
            }
        }
    }

    private func readMonitor(of socket: Socket) throws {
        guard self.socket === socket, let monitor = socket.monitor else { return }
        while let event = try monitor.receive() {
            logger.trace("connection", metadata: ["event": "\(event)"])
            switch event.kind {
            case .connected(let descriptor):
                witness = ConnectionWitness(descriptor)
            case .handshakeSucceeded:
                witness = nil
            case .handshakeFailed(let failure):
                let rejection = rejection(failure)
                witness = nil
                try perform(core.handle(.rejected(rejection), at: clock.now))
                guard self.socket === socket else { return }
            default:
                break
            }
        }
    }

    private func rejection(_ failure: HandshakeFailure) -> Rejection {
        switch failure {
        case .noDetail:
            // Unix domain sockets connect only while somebody listens, but say nothing of what
            // came.
            witness.map { $0.hasHeard ?? hasKeys } ?? false ? .brokenOff : .nobody
        case .mechanismMismatch: .mechanismMismatch
        case .wrongKey: .brokenOff
        case .refused(let status): status == 400 ? .keyNotAdmitted : .brokenOff
        case .protocolError: .foreign
        }
    }

    private var hasKeys: Bool { if case .curve = target.security { true } else { false } }

    private func perform(_ actions: [WorkerCore.Action]) throws {
        for action in actions {
            switch action {
            case .send(let message):
                if !outbox.append(MessageCodec.encode(message)) {
                    logger.warning("the coordinator does not take messages; connecting anew")
                    try connect()
                    return
                }
            case .compute(let request):
                metrics?.update { [now = clock.now] in $0.started(request.task.id, at: now) }
                compute.submit(request)
            case .reconnect:
                try connect()
                return
            case .disconnect:
                disconnect()
            case .exit(let reason):
                exit = reason
                logger.info("leaving", metadata: ["reason": "\(reason.text)"])
            case .log(let entry):
                log(entry)
            }
        }
        _ = try flush()
    }

    /// - Returns: whether nothing waits to be sent.
    private func flush() throws -> Bool {
        guard let socket else { return true }
        _ = try outbox.flush { frames in
            let result = try socket.send(frames)
            if result == .sent { metrics?.update { $0.sent(bytes: frames.byteCount) } }
            return result
        }
        return outbox.isEmpty
    }

    private func log(_ entry: WorkerLog) {
        metrics?.update { $0.observe(entry) }
        switch entry {
        case .welcomed(let welcome):
            logger.info(
                "welcomed",
                metadata: ["job": "\(welcome.job.hex.prefix(12))", "epoch": "\(welcome.epoch)"])
        case .dismissed(let reason):
            logger.notice("dismissed, greeting again", metadata: ["reason": "\(reason)"])
        case .silence(let duration):
            logger.notice(
                "no word from the coordinator, connecting anew",
                metadata: [
                    "endpoint": "\(target.endpoint)",
                    "for": "\(Int(duration.seconds)) s",
                ])
        case .nobodyThere:
            logger.notice(
                "no coordinator answers, waiting for one",
                metadata: ["endpoint": "\(target.endpoint)"])
        case .rejected(.brokenOff, inARow: ...2, let rest):
            // A coordinator that ends does this too.
            logger.notice(
                "connection ended during the handshake",
                metadata: [
                    "endpoint": "\(target.endpoint)", "next attempt in": "\(rest.seconds) s",
                ])
        case .rejected(let rejection, _, let rest):
            logger.warning(
                "handshake refused",
                metadata: [
                    "endpoint": "\(target.endpoint)",
                    "reason": "\(rejection.text(hasKeys: hasKeys))",
                    "next attempt in": "\(rest.seconds) s",
                ])
        case .damagedBlob(let digest):
            logger.warning("blob arrived damaged", metadata: ["digest": "\(digest.hex.prefix(12))"])
        case .malformed(let error):
            logger.warning("malformed message", metadata: ["error": "\(error)"])
        }
    }
}

extension WorkerExit {
    fileprivate var text: String {
        switch self {
        case .finished(let reason): reason
        case .refused(let reason): "refused: \(reason)"
        case .stopped(let reason): "stopped: \(reason)"
        case .hung: "a shard hangs"
        case .rejected: "handshakes are refused"
        }
    }
}

extension Rejection {
    /// What happened, and what it is most likely due to.
    package func text(hasKeys: Bool) -> String {
        switch self {
        case .nobody: "nobody answers"
        case .keyNotAdmitted: "this worker's key is not on the coordinator's allow-list"
        case .mechanismMismatch where hasKeys: "the coordinator runs without keys"
        case .mechanismMismatch: "the coordinator demands keys"
        case .brokenOff where hasKeys:
            "the coordinator broke it off, as it does when --server-key is not its public key or it runs "
                + "without keys"
        case .brokenOff: "the coordinator broke it off, as it does when it demands keys"
        case .foreign: "what listens there is no coordinator"
        }
    }
}
