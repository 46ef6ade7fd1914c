// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Foundation
package import JobState
package import Logging
package import Quantization
package import Storage

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

/// Runs a job on the calling thread: performs what ``CoordinatorCore`` decides about what the
/// ``Reception`` hands on, hands every round's result to a ``CheckpointWriter``.
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

    private let reception: Reception
    private let stop: StopSignal
    /// Carries the round in work.
    private var logger: Logger
    private let metrics: MetricsBoard<CoordinatorMetrics>?
    private let report: (CoordinatorNews) -> Void
    /// Called between polls; local workers are looked after here.
    private let upkeep: () throws -> Void
    private let clock: MonotonicClock

    private var job: Job
    private let checkpoints: CheckpointWriter
    private var core: CoordinatorCore
    private var blobs: JobBlobs
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

    /// Time between two looks at leases and stragglers: each looks at all workers.
    private static let tickInterval = Duration.milliseconds(20)
    /// How long a finished coordinator waits for its workers to say goodbye.
    private static let farewellWait = Duration.seconds(2)

    package init(
        job: Job, store: JobStore, listener: CoordinatorListener, limits: CoordinatorLimits,
        stop: StopSignal, logger: Logger, metrics: MetricsBoard<CoordinatorMetrics>? = nil,
        report: @escaping (CoordinatorNews) -> Void
    ) throws {
        self.job = job
        checkpoints = CheckpointWriter(store, logger: logger)
        self.stop = stop
        self.logger = logger
        self.metrics = metrics
        self.report = report
        upkeep = listener.upkeep
        arbiter = try Arbiter()
        blobs = try JobBlobs(network: job.network, images: job.images, job: job.calibration)
        core = CoordinatorCore(
            job: job.digest, epoch: job.epoch, network: blobs.network, golden: GoldenShard.digest,
            limits: limits, isResumed: job.calibration.progress.rounds > 0)
        reception = try listener.takeOver()
        clock = reception.clock
        reception.isOpen = true
        reception.metrics = metrics
        reception.patience = limits.lease
        reception.chunk = { [unowned self] in blobs.chunk($0) }
    }

    /// Workers that were shut out because their results were wrong.
    package var quarantined: [Account] { core.quarantined }

    /// Runs all rounds that are left. The listener is its owner's to close.
    /// - Returns: the finished job.
    package func run() throws -> CalibrationJob {
        defer { arbiter.stop() }
        // The incarnation is durable before anybody hears of it.
        try save()
        try checkpoints.finish()
        timelineStart = clock.now
        do {
            while let round = job.calibration.nextRound {
                let started = clock.now
                let processor = MonotonicClock.processorTime
                guard let next = try run(round) else {
                    try startOver()
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
            let told = Result { try farewell("\(error)", isFinished: failure != nil) }
            do {
                try checkpoints.finish()
            } catch let disk {
                // Its text says that the work is saved. Any other reason matters more than the
                // disk.
                if error is Interrupted { throw disk }
            }
            try told.get()
            throw error
        }
        try farewell("the job is done", isFinished: true)
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

    /// Runs the job again from its first round, as another incarnation that no result of this one
    /// can reach.
    private func startOver() throws {
        mustStartOver = false
        job.calibration = try job.calibration.restarted()
        job.epoch += 1
        try blobs.update(with: job.calibration)
        try save()
        try checkpoints.finish()
        try perform(core.handle(.startedOver(epoch: job.epoch), at: clock.now))
    }

    /// - Returns: the job with the round done; nil when it has to start over.
    private func run(_ round: Round) throws -> CalibrationJob? {
        logger[metadataKey: "round"] = "\(round.index)"
        let context = blobs.context(of: round, in: job.calibration)
        try perform(core.handle(.opened(round, context), at: clock.now))
        var isChecked = false
        while let results = try results(of: round) {
            do {
                var next = job.calibration
                try next.complete(results)
                return next
            } catch  where !isChecked {
                // The images may be at fault, or a worker.
                isChecked = true
                try perform(core.handle(.unreduced(round: round.index), at: clock.now))
            }
        }
        return nil
    }

    /// - Returns: nil when the job has to start over.
    private func results(of round: Round) throws -> [[UInt8]]? {
        defer { completed = nil }
        var lastDone = -1
        while completed == nil || mustStartOver {
            if mustStartOver { return nil }
            try step()
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

    private func step() throws {
        try reception.wait(beside: [stop.wakeup, arbiter.wakeup])
        try reception.attend(handle)
        for event in arbiter.drain() { try perform(core.handle(event, at: clock.now)) }
        try upkeep()
        let now = clock.now
        guard now >= nextTick else { return }
        nextTick = now + Self.tickInterval
        try perform(core.handle(.tick, at: now))
    }

    private func handle(_ event: Reception.Event) throws {
        switch event {
        case .message(let worker, let message, let credentials):
            if case .result(let result) = message {
                metrics?.update { [now = clock.now] in
                    $0.answered(result.id, by: worker, at: now)
                }
                if let name = workerNames[worker] {
                    timeline.note(name, at: (clock.now - timelineStart).seconds)
                }
            }
            let event: CoordinatorCore.Event
            do throws(WireError) {
                event = try classify(message, from: worker, credentials)
            } catch {
                try handle(reception.noteMalformed(worker, error))
                return
            }
            try perform(core.handle(event, at: clock.now))
        case .malformed(let worker, let error):
            try perform(core.handle(.malformed(worker, error), at: clock.now))
        case .gone(let worker):
            try perform(core.handle(.disconnected(worker), at: clock.now))
        case .revoked(let worker):
            try perform(core.handle(.revoked(worker), at: clock.now))
        }
    }

    /// A result of another form would end the job when the round is reduced, long after anybody
    /// knows whose it was; numbers that no computation gives are checked before they can.
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

    private func farewell(_ reason: String, isFinished: Bool) throws {
        let actions = core.handle(.finished(reason: reason, isFinished: isFinished), at: clock.now)
        try perform(actions)
        // Closing at once could take the message away from a worker that has not read it yet.
        let deadline = clock.now + Self.farewellWait
        while isFinished, core.workerCount > 0, clock.now < deadline {
            try reception.wait(atMost: 20)
            try reception.attend(handle)
        }
        try reception.flush()
    }

    // MARK: Actions

    private func perform(_ actions: [CoordinatorCore.Action]) throws {
        for action in actions {
            switch action {
            case .send(let worker, let message):
                reception.post(.message(message), to: worker)
            case .sendChunk(let worker, let range):
                reception.post(.chunk(range), to: worker)
            case .forget(let worker):
                try reception.forget(worker)
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
        try reception.flush()
    }

    private func log(_ entry: CoordinatorLog) {
        metrics?.update { $0.observe(entry) }
        if let teller = teller(of: entry) { entry.write(to: teller) }
        switch entry {
        case .workerAdmitted(let account):
            reception.trust(account.worker)
            workerNames[account.worker] = account.hello.place
            timeline.admit(account.hello.place)
            report(.workers(core.workerCount))
        case .workerLost(let account, let cause, _):
            // What a silent connection still holds may never be read.
            if cause == .leaseExpired { reception.hangUp(account.worker) }
            workerNames[account.worker] = nil
            report(.workers(core.workerCount))
        default:
            break
        }
    }

    /// What an entry is written with; nil if it is about a worker of whose key there have been too
    /// many lines.
    private func teller(of entry: CoordinatorLog) -> Logger? {
        guard let worker = entry.worker, logger.logLevel <= entry.level else { return logger }
        return reception.teller(of: worker, logger)
    }
}

extension CoordinatorLog {
    /// Whose doing it is, where it is that of a single connection.
    fileprivate var worker: WorkerID? {
        switch self {
        case .workerAdmitted(let account), .workerRefused(let account, _),
            .workerLost(let account, _, _):
            account.worker
        case .resultIgnored(let worker, _, _), .shardFailed(let worker, _, _),
            .stragglerDuplicated(_, _, let worker, _):
            worker
        case .roundOpened, .noWorkers, .computingHere, .computingAlone, .resultsDiffer,
            .workerQuarantined, .startingOver:
            nil
        }
    }

    /// The level it is written at, or a higher one.
    fileprivate var level: Logger.Level {
        if case .resultIgnored = self { .debug } else { .error }
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
