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

/// Runs a job on the calling thread: owns the socket, performs what ``CoordinatorCore`` decides, hands every round's
/// result to a ``CheckpointWriter``.
package final class CoordinatorDriver {
    /// Everything that defines the job.
    package struct Job {
        package var digest: Digest
        package var calibration: CalibrationJob
        package var epoch: UInt64
        package var network: NetworkBlob.Sealed
        package var images: [(reference: ImageReference, bytes: [UInt8])]
        /// Of the images, in their order; for failures.
        package var names: [String]
        /// Text of the configuration, for the checkpoint.
        package var configuration: String

        package init(
            digest: Digest, calibration: CalibrationJob, epoch: UInt64, network: NetworkBlob.Sealed,
            images: [(reference: ImageReference, bytes: [UInt8])], names: [String],
            configuration: String
        ) {
            self.digest = digest
            self.calibration = calibration
            self.epoch = epoch
            self.network = network
            self.images = images
            self.names = names
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
    /// Carries the round in work.
    private var logger: Logger
    private let metrics: MetricsBoard<CoordinatorMetrics>?
    private let report: (CoordinatorNews) -> Void
    /// Called between polls; local workers are looked after here.
    private let upkeep: () throws -> Void
    private let clock = MonotonicClock()

    private var job: Job
    private let checkpoints: CheckpointWriter
    private var core: CoordinatorCore
    private var blobs: JobBlobs
    private var peers = PeerTable()
    private var probes = ProbeSchedule()
    private var gatekeeper: Gatekeeper
    private var completed: [[UInt8]]?
    private var failure: CoordinatorFailure?
    private var arbiter: Arbiter
    /// Results of a quarantined worker are in rounds that are over.
    private var mustStartOver = false
    private var nextTick = Duration.zero
    /// What workers did since this incarnation started.
    package private(set) var timeline = WorkerTimeline()
    private var timelineStart = Duration.zero
    private var workerNames: [WorkerID: String] = [:]

    /// Longest wait for something to happen, in milliseconds.
    private static let tick = 100
    /// Time between two looks at leases and stragglers: each looks at all workers.
    private static let tickInterval = Duration.milliseconds(20)
    /// How long a finished coordinator waits for its workers to say goodbye.
    private static let farewellWait = Duration.seconds(2)

    package init(
        job: Job, store: JobStore, listener: CoordinatorListener, limits: CoordinatorLimits,
        stop: StopSignal, logger: Logger, metrics: MetricsBoard<CoordinatorMetrics>? = nil,
        report: @escaping (CoordinatorNews) -> Void,
        upkeep: @escaping () throws -> Void = {}
    ) throws {
        self.job = job
        checkpoints = CheckpointWriter(store, logger: logger)
        self.listener = listener
        self.limits = limits
        self.stop = stop
        self.logger = logger
        self.metrics = metrics
        self.report = report
        self.upkeep = upkeep
        arbiter = try Arbiter()
        gatekeeper = Gatekeeper(listener.socket, logger: logger)
        blobs = try JobBlobs(network: job.network, images: job.images, job: job.calibration)
        core = CoordinatorCore(
            job: job.digest, epoch: job.epoch, network: blobs.network, golden: GoldenShard.digest,
            limits: limits, isResumed: job.calibration.progress.rounds > 0)
    }

    /// Workers that were shut out because their results were wrong.
    package var quarantined: [Account] { core.quarantined }

    /// Runs all rounds that are left. The listener is its owner's to close.
    /// - Returns: the finished job.
    package func run() throws -> CalibrationJob {
        let socket = listener.socket
        defer { arbiter.stop() }
        // The incarnation is durable before anybody hears of it.
        try save()
        try checkpoints.finish()
        timelineStart = clock.now
        do {
            while let round = job.calibration.nextRound {
                let started = clock.now
                let processor = MonotonicClock.processorTime
                guard let next = try run(round, on: socket) else {
                    try startOver(on: socket)
                    continue
                }
                let isGuarding = job.calibration.isGuarding
                let wasQuantized = job.calibration.quantized != nil
                job.calibration = next
                try blobs.update(with: job.calibration)
                try save()
                if !wasQuantized, job.calibration.quantized != nil {
                    report(.quantized(dead: job.calibration.deadChannels))
                }
                timeline.finish(
                    round.kind.stageName, from: (started - timelineStart).seconds,
                    to: (clock.now - timelineStart).seconds)
                report(
                    .roundFinished(
                        round, seconds: (clock.now - started).seconds,
                        processorSeconds: (MonotonicClock.processorTime - processor).seconds))
                if !isGuarding { reportTuning(after: round) }
            }
            // Workers that hear that the job is done are gone: the disk has to have it first.
            try checkpoints.finish()
        } catch {
            let told = Result {
                try farewell("\(error)", isFinished: failure != nil, on: socket)
            }
            do {
                try checkpoints.finish()
            } catch let disk {
                // Its text says that the work is saved. Any other reason matters more than the disk.
                if error is Interrupted { throw disk }
            }
            try told.get()
            throw error
        }
        try farewell("the job is done", isFinished: true, on: socket)
        return job.calibration
    }

    private func reportTuning(after round: Round) {
        guard let stage = job.calibration.tuning else { return }
        switch round.kind {
        case .loss, .gradient: report(.tuned(stage))
        case .statistics, .histograms, .layerSums, .measure, .teacher:
            // The stage has just started.
            if stage.progress.stepLosses.isEmpty, stage.progress.validationLosses.isEmpty {
                report(.tuned(stage))
            }
        }
    }

    private func save() throws {
        try checkpoints.save(
            JobCheckpoint(
                job: job.digest, epoch: job.epoch, progress: job.calibration.progress,
                configuration: job.configuration, roundLimit: job.calibration.roundLimit))
    }

    // MARK: Rounds

    /// Runs the job again from its first round, as another incarnation that no result of this one can reach.
    private func startOver(on socket: Socket) throws {
        mustStartOver = false
        job.calibration = try job.calibration.restarted()
        job.epoch += 1
        try blobs.update(with: job.calibration)
        try save()
        try checkpoints.finish()
        try perform(core.handle(.startedOver(epoch: job.epoch), at: clock.now), on: socket)
    }

    /// - Returns: the job with the round done; nil when it has to start over.
    private func run(_ round: Round, on socket: Socket) throws -> CalibrationJob? {
        logger[metadataKey: "round"] = "\(round.index)"
        let context = blobs.context(of: round, in: job.calibration)
        try perform(core.handle(.opened(round, context), at: clock.now), on: socket)
        var isChecked = false
        while let results = try results(of: round, on: socket) {
            do {
                var next = job.calibration
                try next.complete(results)
                return next
            } catch  where !isChecked {
                // The images may be at fault, or a worker.
                isChecked = true
                let event = CoordinatorCore.Event.unreduced(round: round.index)
                try perform(core.handle(event, at: clock.now), on: socket)
            }
        }
        return nil
    }

    /// - Returns: nil when the job has to start over.
    private func results(of round: Round, on socket: Socket) throws -> [[UInt8]]? {
        defer { completed = nil }
        var lastDone = -1
        while completed == nil || mustStartOver {
            if mustStartOver { return nil }
            try step(socket)
            if let failure { throw named(failure, round.kind) }
            if let signal = stop.received { throw Interrupted(signal: signal) }
            if let progress = core.roundProgress, progress.done != lastDone {
                lastDone = progress.done
                report(
                    .progress(
                        round: round, done: progress.done, total: progress.total,
                        roundLimit: job.calibration.roundLimit))
            }
        }
        return completed
    }

    /// Positions are those of the round's kind; an operator knows images by their names.
    private func named(_ failure: CoordinatorFailure, _ kind: RoundKind) -> CoordinatorFailure {
        let names = job.calibration.images(of: kind, in: job.names) { $0 + ", mirrored," }
        var failure = failure
        failure.names = failure.shard.images.map { names[$0] }
        return failure
    }

    private func step(_ socket: Socket) throws {
        var items: [PollItem] = [
            .socket(socket), .wakeup(stop.wakeup), .wakeup(arbiter.wakeup),
        ]
        if let monitor = socket.monitor { items.append(.monitor(monitor)) }
        var timeout = try flush(socket) ? Self.tick : 2
        if let wait = probes.wait(at: clock.now) {
            timeout = min(timeout, Int(wait.seconds * 1_000) + 1)
        }
        _ = try Poller.poll(items, timeoutMilliseconds: timeout)
        try readMonitor(of: socket)
        try reviewKeys(socket)
        if try receive(from: socket) { gatekeeper.sweep(at: clock.now) }
        for event in arbiter.drain() { try perform(core.handle(event, at: clock.now), on: socket) }
        try upkeep()
        let now = clock.now
        guard now >= nextTick else { return }
        nextTick = now + Self.tickInterval
        try perform(core.handle(.tick, at: now), on: socket)
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
                let worker = peers.number(
                    of: peer, key: message.user?.publicKey, descriptor: message.descriptor)
                let event: CoordinatorCore.Event
                do throws(WireError) {
                    event = try classify(
                        MessageCodec.decode(message.frames), from: worker,
                        Credentials(message))
                } catch {
                    gatekeeper.noteMalformed(worker, error, at: clock.now)
                    event = .malformed(worker, error)
                }
                metrics?.received(event, message.frames, from: worker, at: clock.now)
                if event.isResult, let name = workerNames[worker] {
                    timeline.note(name, at: (clock.now - timelineStart).seconds)
                }
                try perform(core.handle(event, at: clock.now), on: socket)
            case .oversized(let message, _, let bytes):
                guard let peer = message.peer, gatekeeper.admits(message, at: clock.now) else {
                    continue
                }
                let worker = peers.number(
                    of: peer, key: message.user?.publicKey, descriptor: message.descriptor)
                let error = WireError(.payloadTooLarge(bytes: UInt64(bytes)))
                gatekeeper.noteMalformed(worker, error, at: clock.now)
                try perform(core.handle(.malformed(worker, error), at: clock.now), on: socket)
            }
        }
        return false
    }

    /// A result of another form would end the job when the round is reduced, long after anybody knows whose it was; numbers that no
    /// computation gives are checked before they can.
    private func classify(
        _ message: Message, from worker: WorkerID, _ credentials: Credentials
    ) throws(WireError) -> CoordinatorCore.Event {
        guard case .result(let result) = message, let round = job.calibration.nextRound,
            result.id.job == job.digest, result.id.epoch == job.epoch,
            result.id.round == round.index, round.shards.indices.contains(result.id.shard)
        else { return .received(worker, message, credentials) }
        let shard = round.shards[result.id.shard]
        guard job.calibration.fits(result.payload, of: shard, in: round.kind) else {
            throw WireError(.field("result"))
        }
        guard job.calibration.isPlausible(result.payload, of: shard, in: round.kind) else {
            return .doubtful(worker, result)
        }
        return .received(worker, message, credentials)
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
        // Bounded: strangers can make events faster than they are read.
        for _ in 0..<4_096 {
            guard let event = try monitor.receive() else { break }
            gatekeeper.note(event, at: clock.now)
            if case .disconnected = event.kind { probes.start(at: clock.now) }
        }
        gatekeeper.reportRefusals(at: clock.now)
        guard probes.isDue(at: clock.now) else { return }
        // What a peer said before it went can still be read: its goodbye, or its last result.
        try receive(from: socket)
        let gone = try peers.all.filter { try socket.probe($1) == .unroutable }.map(\.0)
        guard !gone.isEmpty else { return }
        // It may have come between the two; nothing more does.
        try receive(from: socket)
        for worker in gone where peers.peer(worker) != nil {
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
            case .recompute(let task):
                try arbiter.submit(task, blobs: blobs.bytes)
            case .startOver:
                mustStartOver = true
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
        for worker in peers.waiting { _ = try flush(worker, socket) }
        return !peers.isAnyWaiting
    }

    private func flush(_ worker: WorkerID, _ socket: Socket) throws -> SendResult {
        guard let peer = peers.peer(worker) else { return .unroutable }
        var asksForNonsense = false
        let outcome = try peers.flush(worker) { item in
            guard let frames = frames(of: item, for: worker) else {
                asksForNonsense = true
                return .sent
            }
            let result = try socket.send(frames, to: peer)
            if result == .sent { metrics?.sent(item, frames, to: worker, at: clock.now) }
            return result
        }
        if asksForNonsense {
            // It would wait for the answer for ever.
            let error = WireError(.field("digest"))
            try perform(core.handle(.malformed(worker, error), at: clock.now), on: socket)
        }
        // Not given up at once: what it said before it went may still have to be read.
        if outcome == .unroutable { probes.start(at: clock.now) }
        return outcome
    }

    private func frames(of item: PeerTable.Item, for worker: WorkerID) -> [[UInt8]]? {
        switch item {
        case .message(let message):
            return MessageCodec.encode(message)
        case .chunk(let range):
            guard let chunk = blobs.chunk(range) else {
                logger.warning(
                    "a worker asks for an unknown blob",
                    metadata: [
                        "worker": "\(worker)", "digest": "\(range.digest.hex.prefix(12))",
                    ])
                return nil
            }
            return MessageCodec.encode(.chunk(chunk))
        }
    }

    private func log(_ entry: CoordinatorLog) {
        metrics?.update { $0.observe(entry) }
        entry.write(to: logger)
        switch entry {
        case .workerAdmitted(let account):
            gatekeeper.trust(peers.descriptor(account.worker))
            workerNames[account.worker] = account.hello.place
            timeline.admit(account.hello.place)
            report(.workers(core.workerCount))
        case .workerLost(let account, _, _):
            workerNames[account.worker] = nil
            report(.workers(core.workerCount))
        default:
            break
        }
    }
}

extension Credentials {
    fileprivate init(_ message: IncomingMessage) {
        self.init(
            key: message.user?.publicKey.z85, name: message.user?.name,
            address: message.peerAddress)
    }
}

extension CoordinatorCore.Event {
    fileprivate var isResult: Bool {
        switch self {
        case .received(_, .result, _), .doubtful: true
        default: false
        }
    }
}

extension RoundKind {
    /// For the time line; rounds of a stage are shown as one.
    fileprivate var stageName: String {
        switch self {
        case .statistics: "statistics"
        case .histograms: "histograms"
        case .layerSums: "correction"
        case .teacher, .loss, .gradient: "fine-tuning"
        case .measure: "measurement"
        }
    }
}

extension Hello {
    /// Names a worker in the time line.
    fileprivate var place: String { "\(host) · \(process)" }
}

extension Duration {
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
