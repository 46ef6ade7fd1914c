package import Calibration
import Foundation
package import Logging
package import Quantization
package import Storage
import ZeroMQ

/// What a coordinator tells whoever watches.
package enum CoordinatorNews: Sendable {
    case workers(Int)
    /// Shards done in a round, and how many rounds there may be.
    case progress(round: Round, done: Int, total: Int, roundLimit: Int)
    case quantized(dead: [DeadChannels])
    /// Seconds of the clock, and of this process's processor time.
    case roundFinished(Round, seconds: Double, processorSeconds: Double)
    /// Fine-tuning starts, or a round of it is done.
    case tuned(TuningStage)
}

/// Runs a job on the calling thread: owns the socket, performs what ``CoordinatorCore`` decides, makes every round's
/// result durable before the next round is broadcast.
package final class CoordinatorDriver {
    /// Everything that defines the job.
    package struct Job {
        package var digest: Digest
        package var calibration: CalibrationJob
        package var epoch: UInt64
        package var network: [UInt8]
        package var images: [(reference: ImageReference, bytes: [UInt8])]
        /// Text of the configuration, for the checkpoint.
        package var configuration: String

        package init(
            digest: Digest, calibration: CalibrationJob, epoch: UInt64, network: [UInt8],
            images: [(reference: ImageReference, bytes: [UInt8])], configuration: String
        ) {
            self.digest = digest
            self.calibration = calibration
            self.epoch = epoch
            self.network = network
            self.images = images
            self.configuration = configuration
        }
    }

    /// A signal stopped the job; the checkpoint holds everything done so far.
    package struct Interrupted: Error, CustomStringConvertible {
        package var signal: String
        package var description: String {
            "stopped by \(signal); the work so far is in the checkpoint, --resume goes on from it"
        }
    }

    private let listener: CoordinatorListener
    private let limits: CoordinatorLimits
    private let stop: StopSignal
    private let logger: Logger
    private let report: (CoordinatorNews) -> Void
    /// Called between polls; local workers are looked after here.
    private let upkeep: () throws -> Void
    private let clock = MonotonicClock()

    private var job: Job
    private var store: CheckpointStore
    private var core: CoordinatorCore
    private var blobs: [Digest: [UInt8]] = [:]
    private var quantizedDigest: Digest?
    /// Blobs of what the network should answer, by image of the pool; nil until known.
    private var targets: [Digest]?
    private let networkDigest: Digest
    private let references: [ImageReference]
    private var peers = PeerTable()
    private var gatekeeper: Gatekeeper
    private var completed: [[UInt8]]?
    private var failure: CoordinatorFailure?

    /// Name of the statistics file beside the checkpoints.
    package static let statisticsName = "statistics.safetensors"

    private static let tick = 100
    /// How long a finished coordinator waits for its workers to say goodbye.
    private static let farewellWait = Duration.seconds(2)

    package init(
        job: Job, store: CheckpointStore, listener: CoordinatorListener, limits: CoordinatorLimits,
        stop: StopSignal, logger: Logger, report: @escaping (CoordinatorNews) -> Void,
        upkeep: @escaping () throws -> Void = {}
    ) throws {
        self.job = job
        self.store = store
        self.listener = listener
        self.limits = limits
        self.stop = stop
        self.logger = logger
        self.report = report
        self.upkeep = upkeep
        gatekeeper = Gatekeeper(listener.socket, logger: logger)
        networkDigest = Digest.sha256(of: job.network)
        references = job.images.map(\.reference)
        core = CoordinatorCore(
            job: job.digest, epoch: job.epoch, network: networkDigest, golden: GoldenShard.digest,
            limits: limits)
        blobs[networkDigest] = job.network
        for image in job.images { blobs[image.reference.digest] = image.bytes }
        if let quantized = job.calibration.quantized { try publish(quantized) }
        publishTargets()
    }

    /// Runs all rounds that are left.
    /// - Returns: the finished job.
    package func run() throws -> CalibrationJob {
        let socket = listener.socket
        defer { socket.close(goodbye: true) }
        // The incarnation is durable before anybody hears of it.
        try save()
        do {
            while let round = job.calibration.nextRound {
                let started = clock.now
                let processor = MonotonicClock.processorTime
                let results = try run(round, on: socket)
                try job.calibration.complete(results)
                if round.kind == .statistics, let quantized = job.calibration.quantized {
                    try publish(quantized)
                    try saveStatistics()
                    report(.quantized(dead: job.calibration.deadChannels))
                }
                if round.kind == .teacher { try saveStatistics() }
                publishTargets()
                try save()
                report(
                    .roundFinished(
                        round, seconds: (clock.now - started).seconds,
                        processorSeconds: (MonotonicClock.processorTime - processor).seconds))
                reportTuning(after: round)
            }
        } catch {
            try farewell("\(error)", isFinished: failure != nil, on: socket)
            throw error
        }
        try farewell("the job is done", isFinished: true, on: socket)
        return job.calibration
    }

    private func publish(_ quantized: QuantizedNetwork) throws {
        let bytes = try QuantizedNetworkBlob.encode(quantized)
        let digest = Digest.sha256(of: bytes)
        blobs[digest] = bytes
        quantizedDigest = digest
    }

    /// Targets never change; they are known with the start of fine-tuning or after its first round.
    private func publishTargets() {
        guard targets == nil, let known = job.calibration.targets else { return }
        targets = known.map { target in
            let bytes = target.encoded()
            let digest = Digest.sha256(of: bytes)
            blobs[digest] = bytes
            return digest
        }
    }

    private func reportTuning(after round: Round) {
        guard let stage = job.calibration.tuning else { return }
        switch round.kind {
        case .loss, .gradient: report(.tuned(stage))
        case .statistics, .layerSums, .measure, .teacher:
            // The stage has just started.
            if stage.progress.stepLosses.isEmpty, stage.progress.validationLosses.isEmpty {
                report(.tuned(stage))
            }
        }
    }

    private var checkpoint: JobCheckpoint {
        JobCheckpoint(
            job: job.digest, epoch: job.epoch, progress: job.calibration.progress,
            configuration: job.configuration)
    }

    private func save() throws { try store.save(try checkpoint.file()) }

    /// Durable before the first checkpoint that needs them.
    private func saveStatistics() throws {
        guard let file = try checkpoint.statisticsFile() else { return }
        try AtomicFile.write(file.sealed(), to: store.directory + "/" + Self.statisticsName)
    }

    // MARK: Rounds

    private func run(_ round: Round, on socket: Socket) throws -> [[UInt8]] {
        completed = nil
        let context = RoundContext(
            network: networkDigest,
            quantized: round.kind.needsQuantizedNetwork ? quantizedDigest : nil,
            biases: job.calibration.biases?.encoded() ?? [],
            images: references, targets: round.kind.loss == nil ? nil : targets)
        try perform(core.handle(.opened(round, context), at: clock.now), on: socket)
        var lastDone = -1
        while completed == nil {
            try step(socket)
            if let failure { throw failure }
            if let signal = stop.received { throw Interrupted(signal: signal) }
            if let progress = core.roundProgress, progress.done != lastDone {
                lastDone = progress.done
                report(
                    .progress(
                        round: round, done: progress.done, total: progress.total,
                        roundLimit: job.calibration.roundLimit))
            }
        }
        return completed ?? []
    }

    private func step(_ socket: Socket) throws {
        var items: [PollItem] = [.socket(socket), .wakeup(stop.wakeup)]
        if let monitor = socket.monitor { items.append(.monitor(monitor)) }
        let timeout = try flush(socket) ? Self.tick : 2
        _ = try Poller.poll(items, timeoutMilliseconds: timeout)
        try readMonitor(of: socket)
        try reviewKeys(socket)
        if try receive(from: socket) { gatekeeper.sweep(at: clock.now) }
        try upkeep()
        try perform(core.handle(.tick, at: clock.now), on: socket)
    }

    /// - Returns: whether nothing more waits to be read.
    @discardableResult
    private func receive(from socket: Socket) throws -> Bool {
        for _ in 0..<256 {
            switch try socket.receive() {
            case .wouldBlock:
                return true
            case .message(let message):
                guard let peer = message.peer, gatekeeper.admits(message, at: clock.now) else {
                    continue
                }
                let worker = peers.number(of: peer, message)
                let event: CoordinatorCore.Event
                do throws(WireError) {
                    let content = try MessageCodec.decode(message.frames)
                    try checkForm(of: content)
                    event = .received(worker, content)
                } catch {
                    gatekeeper.noteMalformed(worker, error, at: clock.now)
                    event = .malformed(worker, error)
                }
                try perform(core.handle(event, at: clock.now), on: socket)
            case .oversized(let message, _, let bytes):
                guard let peer = message.peer, gatekeeper.admits(message, at: clock.now) else {
                    continue
                }
                let worker = peers.number(of: peer, message)
                let error = WireError(.payloadTooLarge(bytes: UInt64(bytes)))
                gatekeeper.noteMalformed(worker, error, at: clock.now)
                try perform(core.handle(.malformed(worker, error), at: clock.now), on: socket)
            }
        }
        return false
    }

    /// A result of another form would end the job when the round is reduced, long after anybody knows whose it was.
    private func checkForm(of message: Message) throws(WireError) {
        guard case .result(let result) = message, let round = job.calibration.nextRound,
            result.id.job == job.digest, result.id.epoch == job.epoch,
            result.id.round == round.index, round.shards.indices.contains(result.id.shard)
        else { return }
        let shard = round.shards[result.id.shard]
        guard job.calibration.fits(result.payload, of: shard, in: round.kind) else {
            throw WireError(.field("result"))
        }
    }

    /// Ends what peers may do whose key was taken off the allow-list.
    private func reviewKeys(_ socket: Socket) throws {
        for worker in gatekeeper.revoked(among: peers, at: clock.now) {
            try perform(core.handle(.revoked(worker), at: clock.now), on: socket)
        }
    }

    /// A broken connection is known to the monitor at once, but not whose it was: ask all.
    private func readMonitor(of socket: Socket) throws {
        guard let monitor = socket.monitor else { return }
        var isAnyoneGone = false
        // Bounded: strangers can make events faster than they are read.
        for _ in 0..<4_096 {
            guard let event = try monitor.receive() else { break }
            gatekeeper.note(event, at: clock.now)
            if case .disconnected = event.kind { isAnyoneGone = true }
        }
        gatekeeper.reportRefusedKeys(at: clock.now)
        guard isAnyoneGone else { return }
        for (worker, peer) in peers.all where try socket.probe(peer) == .unroutable {
            try perform(core.handle(.disconnected(worker), at: clock.now), on: socket)
        }
    }

    private func farewell(_ reason: String, isFinished: Bool, on socket: Socket) throws {
        let actions = core.handle(.finished(reason: reason, isFinished: isFinished), at: clock.now)
        try perform(actions, on: socket)
        // Closing at once could take the message away from a worker that has not read it yet.
        let deadline = clock.now + Self.farewellWait
        while isFinished, core.workerCount > 0, clock.now < deadline {
            _ = try flush(socket)
            _ = try Poller.poll([.socket(socket)], timeoutMilliseconds: 20)
            try receive(from: socket)
            try readMonitor(of: socket)
        }
        _ = try flush(socket)
    }

    // MARK: Actions

    private func perform(_ actions: [CoordinatorCore.Action], on socket: Socket) throws {
        for action in actions {
            switch action {
            case .send(let worker, let message):
                post(.message(message), to: worker)
            case .sendChunk(let worker, let range):
                post(.chunk(range), to: worker)
            case .forget(let worker):
                _ = try flush(worker, socket)
                peers.forget(worker)
            case .complete(_, let results):
                completed = results
            case .fail(let failure):
                self.failure = self.failure ?? failure
            case .log(let entry):
                log(entry)
            }
        }
        _ = try flush(socket)
    }

    private func post(_ item: PeerTable.Item, to worker: WorkerID) {
        if peers.post(item, to: worker) { return }
        logger.warning(
            "worker does not take messages", metadata: ["worker": "\(worker)"])
    }

    /// - Returns: whether nothing waits to be sent.
    private func flush(_ socket: Socket) throws -> Bool {
        for (worker, _) in peers.all where peers.isWaiting(worker) { _ = try flush(worker, socket) }
        return !peers.isAnyWaiting
    }

    private func flush(_ worker: WorkerID, _ socket: Socket) throws -> SendResult {
        guard let peer = peers.peer(worker) else { return .unroutable }
        let outcome = try peers.flush(worker) { item in
            guard let frames = frames(of: item) else { return .sent }
            return try socket.send(frames, to: peer)
        }
        if outcome == .unroutable {
            peers.forget(worker)
            try perform(core.handle(.disconnected(worker), at: clock.now), on: socket)
        }
        return outcome
    }

    private func frames(of item: PeerTable.Item) -> [[UInt8]]? {
        switch item {
        case .message(let message):
            return MessageCodec.encode(message)
        case .chunk(let range):
            guard let blob = blobs[range.digest], range.offset < blob.count else {
                logger.warning(
                    "a worker asks for an unknown blob",
                    metadata: ["digest": "\(range.digest.hex.prefix(12))"])
                return nil
            }
            let end = min(range.offset + min(range.length, BlobChunk.limit), blob.count)
            return MessageCodec.encode(
                .chunk(
                    BlobChunk(
                        digest: range.digest, offset: range.offset, total: blob.count,
                        bytes: Array(blob[range.offset..<end]))))
        }
    }

    private func log(_ entry: CoordinatorLog) {
        switch entry {
        case .workerAdmitted(let worker, let hello):
            gatekeeper.trust(peers.descriptor(worker))
            logger.info(
                "worker admitted",
                metadata: [
                    "worker": "\(worker)", "host": "\(hello.host)", "pid": "\(hello.process)",
                    "threads": "\(hello.threads)", "isa": "\(hello.isa)",
                ])
            report(.workers(core.workerCount))
        case .workerRefused(let worker, let hello, let reason):
            logger.error(
                "worker refused",
                metadata: ["worker": "\(worker)", "host": "\(hello.host)", "reason": "\(reason)"])
        case .workerLost(let worker, let hello, let cause, let shards):
            logger.log(
                level: cause.isOrderly ? .info : .warning,
                "worker lost",
                metadata: [
                    "worker": "\(worker)", "host": "\(hello.host)", "pid": "\(hello.process)",
                    "cause": "\(cause)", "shards": "\(shards)",
                ])
            report(.workers(core.workerCount))
        case .resultIgnored(let worker, let id, let reason):
            logger.debug(
                "result ignored",
                metadata: [
                    "worker": "\(worker)", "round": "\(id.round)", "shard": "\(id.shard)",
                    "reason": "\(reason)",
                ])
        case .shardFailed(let worker, let id, let reason):
            logger.warning(
                "shard failed",
                metadata: [
                    "worker": "\(worker)", "round": "\(id.round)", "shard": "\(id.shard)",
                    "reason": "\(reason)",
                ])
        case .roundOpened(let round):
            logger.debug(
                "round opened", metadata: ["round": "\(round.index)", "kind": "\(round.kind)"])
        case .noWorkers(let duration):
            logger.warning("no workers, waiting", metadata: ["for": "\(duration)"])
        }
    }
}

extension Duration {
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
