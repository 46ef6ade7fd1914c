// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Foundation
package import JobState
package import Logging
package import Quantization
package import Storage

/// What a coordinator tells whoever watches.
package enum CoordinatorNews: Sendable {
    /// Workers admitted and not lost, after every change.
    case workers(Int)
    /// Shards done in a round, and how many rounds there may be.
    case progress(round: Round, done: Int, total: Int, roundLimit: Int)
    /// The network was quantized, with these dead channels taken out.
    case quantized(dead: [DeadChannels])
    /// Seconds of the clock, and of this process's processor time.
    case roundFinished(Round, seconds: Double, processorSeconds: Double)
    /// Fine-tuning starts, or a round of it is done.
    case tuned(FineTuning)
}

/// Runs a job on the calling thread: performs what ``CoordinatorCore`` decides about what the
/// ``Reception`` hands on, hands every round's result to a ``CheckpointWriter``.
package final class CoordinatorDriver {
    /// Everything that defines the job.
    package struct Job {
        /// Names the job in messages and checkpoints: of ``configuration``, in `calibrate`.
        package var digest: Digest
        /// The state machine, at whatever round the checkpoint left it.
        package var calibration: CalibrationJob
        /// This incarnation: one more than that of the checkpoint, 1 without one.
        package var epoch: UInt64
        /// The float network as workers fetch it.
        package var network: NetworkBlob.Sealed
        /// The pool, in its order: reference and blob of each image.
        package var images: [(reference: ImageReference, bytes: [UInt8])]
        /// Of the images, in their order; for failures.
        package var names: [String]
        /// Text of the configuration, for the checkpoint.
        package var configuration: String

        /// Memberwise; nothing is checked.
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
        /// As in `SIGTERM`.
        package var signal: String
        package var description: String {
            "stopped by \(signal); the work so far is in the checkpoint, --resume goes on from it"
        }
    }

    /// How a round ends, the more pressing ones later.
    private enum RoundEnd {
        case complete([[UInt8]])
        /// Results of a quarantined worker are in rounds that are over.
        case startOver
        case interrupted(Interrupted)
        case failed(CoordinatorFailure)

        var isError: Bool { urgency > 1 }

        var urgency: Int {
            switch self {
            case .complete: 0
            case .startOver: 1
            case .interrupted: 2
            case .failed: 3
            }
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
    private var arbiter: Arbiter
    /// What happened and the core has not heard of yet, in order.
    private var events: [CoordinatorCore.Event] = []
    /// How the open round ends; nil while it goes on.
    private var end: RoundEnd?
    private var nextTick = Duration.zero
    /// What workers did since this incarnation started.
    package private(set) var timeline = WorkerTimeline()
    private var timelineStart = Duration.zero
    private var workerNames: [WorkerID: String] = [:]

    /// Time between two looks at leases and stragglers: each looks at all workers.
    private static let tickInterval = Duration.milliseconds(20)
    /// How long a finished coordinator waits for its workers to say goodbye.
    private static let farewellWait = Duration.seconds(2)

    /// Takes the listener's connections over; greetings are answered from here on.
    ///
    /// Throws what went wrong while the job was prepared, when no thread can be started, or when
    /// the network of a resumed job cannot be made a blob.
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
                let isCheckingHeldOut = job.calibration.isCheckingHeldOut
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
                if !isCheckingHeldOut { reportTuning(after: round) }
            }
            // Workers that hear that the job is done are gone: the disk has to have it first.
            try checkpoints.finish()
        } catch {
            let told = Result { try farewell("\(error)", isFinished: error is CoordinatorFailure) }
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
        job.calibration = try job.calibration.restarted()
        job.epoch += 1
        try blobs.update(with: job.calibration)
        try save()
        try checkpoints.finish()
        try tell(.startedOver(epoch: job.epoch))
    }

    /// - Returns: the job with the round done; nil when it has to start over.
    private func run(_ round: Round) throws -> CalibrationJob? {
        logger[metadataKey: "round"] = "\(round.index)"
        let context = blobs.context(of: round, in: job.calibration)
        try tell(.opened(round, context))
        var isChecked = false
        while let results = try results(of: round) {
            do {
                var next = job.calibration
                try next.complete(results)
                return next
            } catch  where !isChecked {
                // The images may be at fault, or a worker.
                isChecked = true
                try tell(.unreduced(round: round.index))
            }
        }
        return nil
    }

    /// - Returns: nil when the job has to start over.
    private func results(of round: Round) throws -> [[UInt8]]? {
        defer { end = nil }
        var lastDone = -1
        while true {
            switch end {
            case nil: break
            case .complete(let results): return results
            case .startOver: return nil
            case .interrupted(let interrupted): throw interrupted
            case .failed(let failure): throw named(failure, round.kind)
            }
            try step()
            if let signal = stop.received { note(.interrupted(Interrupted(signal: signal))) }
            if end?.isError == true { continue }
            if let progress = core.roundProgress, progress.done != lastDone {
                lastDone = progress.done
                report(
                    .progress(
                        round: round, done: progress.done, total: progress.total,
                        roundLimit: job.calibration.roundLimit))
            }
        }
    }

    /// The first of the most pressing ends is the round's.
    private func note(_ new: RoundEnd) {
        if let end, end.urgency >= new.urgency { return }
        end = new
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
        try reception.attend { try tell(event(of: $0)) }
        events += arbiter.drain()
        try tellAll()
        try upkeep()
        let now = clock.now
        guard now >= nextTick else { return }
        nextTick = now + Self.tickInterval
        try tell(.tick)
    }

    private func event(of news: Reception.Event) -> CoordinatorCore.Event {
        switch news {
        case .message(let worker, let message, let credentials):
            if case .result(let result) = message { note(result, from: worker) }
            return .received(worker, message, credentials)
        case .malformed(let worker, let error):
            return .malformed(worker, error)
        case .gone(let worker):
            return .disconnected(worker)
        case .revoked(let worker):
            return .revoked(worker)
        }
    }

    private func note(_ result: ShardResult, from worker: WorkerID) {
        metrics?.update { [now = clock.now] in $0.answered(result.id, by: worker, at: now) }
        if let name = workerNames[worker] {
            timeline.note(name, at: (clock.now - timelineStart).seconds)
        }
    }

    private func farewell(_ reason: String, isFinished: Bool) throws {
        try tell(.finished(reason: reason, isFinished: isFinished))
        // Closing at once could take the message away from a worker that has not read it yet.
        let deadline = clock.now + Self.farewellWait
        while isFinished, core.workerCount > 0, clock.now < deadline {
            try reception.wait(atMost: 20)
            try reception.attend { try tell(event(of: $0)) }
        }
        try reception.flush()
    }

    // MARK: Events and actions

    private func tell(_ event: CoordinatorCore.Event) throws {
        events.append(event)
        try tellAll()
    }

    /// Hands all events to the core, in order, and does what it decides.
    private func tellAll() throws {
        var next = 0
        defer { events.removeFirst(next) }
        while next < events.count {
            let event = events[next]
            next += 1
            for action in core.handle(event, at: clock.now) { try perform(action) }
            try reception.flush()
        }
    }

    private func perform(_ action: CoordinatorCore.Action) throws {
        switch action {
        case .send(let worker, let message):
            reception.post(.message(message), to: worker)
        case .sendChunk(let worker, let range):
            reception.post(.chunk(range), to: worker)
        case .noteMalformed(let worker, let error):
            reception.noteMalformed(worker, error)
        case .forget(let worker):
            try reception.forget(worker)
        case .complete(_, let results):
            note(.complete(results))
        case .recompute(let task):
            try arbiter.submit(task, blobs: blobs.bytes)
        case .startOver:
            note(.startOver)
        case .fail(let failure):
            note(.failed(failure))
        case .log(let entry):
            log(entry)
        }
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
    /// With the fraction, as a logarithm or a division needs it.
    package var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
