package import Calibration
package import Storage

/// One connection, numbered by the driver; a worker that reconnects gets a new number.
package struct WorkerID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var number: Int

    package init(_ number: Int) { self.number = number }

    package static func < (left: WorkerID, right: WorkerID) -> Bool { left.number < right.number }
    package var description: String { "worker-\(number)" }
}

/// The coordinator's half of the round protocol: who is admitted, which shard goes where, which results count.
///
/// A value without sockets, clock or randomness. Unknown workers, duplicates, late and stale results are ordinary events. The results of a
/// round leave it in shard order, whatever order they came in.
package struct CoordinatorCore: Sendable {
    package enum Event: Hashable, Sendable {
        case received(WorkerID, Message)
        /// Frames that were no message, or asked for what nobody told of.
        case malformed(WorkerID, WireError)
        /// The transport knows that a connection is gone.
        case disconnected(WorkerID)
        /// The worker's key is no longer admitted.
        case revoked(WorkerID)
        case opened(Round, RoundContext)
        /// The coordinator's own result, asked for by ``Action/recompute(_:)``.
        case recomputed(TaskID, payload: [UInt8])
        case recomputingFailed(TaskID, reason: String)
        case tick
        /// The job starts over from its first round, as another incarnation.
        case startedOver(epoch: UInt64)
        /// No more rounds; workers may go.
        case finished(reason: String, isFinished: Bool)
    }

    package enum Action: Hashable, Sendable {
        case send(WorkerID, Message)
        /// Send this part of a blob, which the driver holds.
        case sendChunk(WorkerID, BlobRange)
        /// The worker's number will not come up again unless it speaks.
        case forget(WorkerID)
        /// Compute this shard here: workers disagree about it, or nobody else can confirm it.
        case recompute(TaskMessage)
        case complete(round: Int, results: [[UInt8]])
        /// Rounds that are over hold results of a quarantined worker: run the job again from the start.
        case startOver
        case fail(CoordinatorFailure)
        case log(CoordinatorLog)
    }

    let job: Digest
    private(set) var epoch: UInt64
    let network: Digest
    let golden: Digest
    let limits: CoordinatorLimits
    let audit: AuditSelection
    var workers = SortedTable<WorkerID, Admitted>()
    var open: OpenRound?
    /// Which worker keeps the state of which images; only a preference.
    var affinity: [[Int]: WorkerID] = [:]
    /// Admitted workers that could take another shard.
    var hungry = SortedSet<WorkerID>()
    /// Workers whose results are wrong.
    package internal(set) var quarantined: [WorkerIdentity: Hello] = [:]
    /// Workers with results in earlier rounds that nothing confirmed.
    var unconfirmed: Set<WorkerIdentity> = []
    /// Rounds of earlier incarnations hold results of nobody knows whom.
    private(set) var isResumed: Bool
    private var lastTick: Duration?
    private var lastWorkerSeen: Duration?
    private var lastLonelyLog: Duration?

    /// A worker that was welcomed.
    struct Admitted: Hashable, Sendable {
        struct Held: Hashable, Sendable {
            var shard: Int
            var attempt: Int
        }

        var hello: Hello
        var lastHeard: Duration
        /// Shards of the open round that wait for this worker's answer, in the order of their tasks.
        var shards: [Held] = []
        /// Tasks of earlier rounds that it has not answered: it may still be at one of them.
        var isBehind = false
        /// When it began with the first of its shards, as far as can be seen from here.
        var busySince: Duration
        /// Shards finished by its own count, and when that changed.
        var finished: UInt64 = 0
        var finishedAt: Duration

        func holds(_ shard: Int) -> Bool { shards.contains { $0.shard == shard } }
    }

    /// - Parameters:
    ///   - job: names the job; results of another are ignored.
    ///   - epoch: this incarnation.
    ///   - network: digest of the float network's blob.
    ///   - golden: this build's golden digest; a worker with another computes other bits and is refused.
    ///   - limits: leases, attempts, audits.
    ///   - isResumed: whether rounds are done already.
    package init(
        job: Digest, epoch: UInt64, network: Digest, golden: Digest, limits: CoordinatorLimits,
        isResumed: Bool = false
    ) {
        self.isResumed = isResumed
        self.job = job
        self.epoch = epoch
        self.network = network
        self.golden = golden
        self.limits = limits
        audit = AuditSelection(job: job, share: limits.auditShare)
    }

    package var workerCount: Int { workers.count }

    /// Shards done and in total of the open round.
    package var roundProgress: (done: Int, total: Int)? {
        open.map { ($0.shards.count - $0.missing, $0.shards.count) }
    }

    package mutating func handle(_ event: Event, at now: Duration) -> [Action] {
        switch event {
        case .received(let worker, let message):
            return receive(message, from: worker, at: now)
        case .malformed(let worker, let error):
            return lose(worker, because: .malformed(error)) + [.forget(worker)] + dispatch(at: now)
        case .disconnected(let worker):
            return lose(worker, because: .disconnected) + [.forget(worker)] + dispatch(at: now)
        case .revoked(let worker):
            return lose(worker, because: .keyRevoked)
                + [.send(worker, .refusal(reason: "key revoked")), .forget(worker)]
                + dispatch(at: now)
        case .opened(let round, let context):
            return begin(round, context, at: now)
        case .recomputed(let id, let payload):
            return decide(id, payload, at: now)
        case .recomputingFailed(let id, let reason):
            guard let round = openRound(of: id) else { return [] }
            return [fail(id.shard, of: round, attempts: 1, reason: "on the coordinator: \(reason)")]
        case .tick:
            forgivePause(until: now)
            return expire(at: now) + relieveStragglers(at: now) + dispatch(at: now)
                + reportLoneliness(at: now)
        case .startedOver(let epoch):
            return startOver(epoch)
        case .finished(let reason, let isFinished):
            open = nil
            return workers.keys.ascending.map {
                .send($0, .goodbye(reason: reason, isFinished: isFinished))
            }
        }
    }

    private mutating func begin(
        _ round: Round, _ context: RoundContext, at now: Duration
    ) -> [Action] {
        precondition(open == nil, "a round is open")
        open = OpenRound(
            round: round, context: context,
            owners: round.shards.map { shard in
                affinity[shard.images].flatMap { workers[$0] == nil ? nil : $0 }
            },
            isAudited: { [audit] in audit.includes($0.index, ofRound: round.index) })
        // Whatever workers still compute belongs to an earlier round and is not waited for.
        for worker in workers.keys.ascending {
            if workers[worker]?.shards.isEmpty == false { workers[worker]?.isBehind = true }
            workers[worker]?.shards = []
        }
        hungry = SortedSet(ascending: workers.keys.ascending.filter(isHungry))
        return [.log(.roundOpened(round))] + dispatch(at: now) + close()
    }

    private mutating func startOver(_ epoch: UInt64) -> [Action] {
        let everybody = workers.keys.ascending
        self.epoch = epoch
        (open, workers, hungry) = (nil, SortedTable(), SortedSet())
        (affinity, unconfirmed) = ([:], [])
        isResumed = false
        return everybody.flatMap { worker -> [Action] in
            [
                .send(worker, .goodbye(reason: "the job starts over", isFinished: false)),
                .forget(worker),
            ]
        }
    }

    // MARK: Messages

    private mutating func receive(
        _ message: Message, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        if case .hello(let hello) = message { return greet(hello, from: worker, at: now) }
        guard workers[worker] != nil else {
            if case .goodbye = message { return [.forget(worker)] }
            // Lost its lease, or speaks before its greeting: it has to start over.
            return [.send(worker, .goodbye(reason: "greet first", isFinished: false))]
        }
        workers[worker]?.lastHeard = now
        switch message {
        case .fetch(let range):
            return [.sendChunk(worker, range)]
        case .heartbeat(let progress):
            let moves = workers[worker].map { $0.finished != progress } ?? false
            workers[worker]?.finished = progress
            if moves { noteMove(of: worker, at: now) }
            return [.send(worker, .heartbeat(progress: progress))]
                + (moves ? dispatch(at: now) : [])
        case .result(let result):
            return accept(result, from: worker, at: now)
        case .failure(let id, let reason):
            return fail(id, reason: reason, from: worker, at: now)
        case .goodbye(let reason, _):
            return lose(worker, because: .left(reason)) + [.forget(worker)] + dispatch(at: now)
        case .hello, .welcome, .refusal, .chunk, .task:
            return lose(worker, because: .malformed(WireError(.field("direction"))))
                + [.forget(worker)] + dispatch(at: now)
        }
    }

    private mutating func greet(_ hello: Hello, from worker: WorkerID, at now: Duration) -> [Action]
    {
        if let reason = refusal(of: hello) {
            return lose(worker, because: .greetedAgain) + [
                .send(worker, .refusal(reason: reason)),
                .log(.workerRefused(worker, hello, reason: reason)), .forget(worker),
            ] + dispatch(at: now)
        }
        let welcome = Welcome(
            job: job, epoch: epoch, network: network, shardLease: limits.shardLease)
        if workers[worker]?.hello == hello {
            // A worker repeats its greeting until the welcome arrives; what it was given is on its way.
            workers[worker]?.lastHeard = now
            return [.send(worker, .welcome(welcome))]
        }
        let requeue = lose(worker, because: .greetedAgain)
        workers[worker] = Admitted(
            hello: hello, lastHeard: now, busySince: now, finishedAt: now)
        noteAppetite(worker)
        return requeue + [
            .send(worker, .welcome(welcome)),
            .log(.workerAdmitted(worker, hello)),
        ] + dispatch(at: now)
    }

    func refusal(of hello: Hello) -> String? {
        let mine = WireVersion.oldest...WireVersion.newest
        if !hello.versions.overlaps(mine) {
            return "worker speaks protocol versions \(hello.versions), coordinator \(mine): "
                + "install the same release on both"
        }
        if hello.golden != golden {
            return "golden shard differs (worker \(hello.isa), build \(hello.build)): this worker "
                + "would compute other bits"
        }
        if quarantined[hello.identity] != nil {
            return "quarantined: this worker's results were wrong; check the machine's memory and "
                + "processor"
        }
        return nil
    }

    /// The open round's description, if this names one of its shards.
    func openRound(of id: TaskID) -> Round? {
        guard id.job == job, id.epoch == epoch, let round = open?.round, id.round == round.index,
            round.shards.indices.contains(id.shard)
        else { return nil }
        return round
    }

    /// Ends the open round if nothing is left to find out about it.
    mutating func close() -> [Action] {
        guard open?.unsettled == 0, let round = open else { return [] }
        open = nil
        for state in round.shards where !state.isConfirmed {
            for claim in state.claims { unconfirmed.insert(claim.worker.identity) }
        }
        return [.complete(round: round.round.index, results: round.results)]
    }

    /// Ticks come several times a second; a longer pause was this process's own.
    private mutating func forgivePause(until now: Duration) {
        if let lastTick, now - lastTick > .seconds(1) { forgive(now - lastTick) }
        lastTick = now
    }

    private mutating func reportLoneliness(at now: Duration) -> [Action] {
        guard workers.isEmpty, open != nil else {
            lastWorkerSeen = now
            return []
        }
        let since = lastWorkerSeen ?? now
        if lastWorkerSeen == nil { lastWorkerSeen = now }
        guard now - since >= .seconds(10), now - (lastLonelyLog ?? .zero) >= .seconds(10) else {
            return []
        }
        lastLonelyLog = now
        return [.log(.noWorkers(since: now - since))]
    }
}
