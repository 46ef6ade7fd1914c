// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Storage

/// One connection, numbered by the driver; a worker that reconnects gets a new number.
package struct WorkerID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Counts up through a coordinator's life and is never given again.
    package var number: Int

    /// Takes the number as it is.
    package init(_ number: Int) { self.number = number }

    package static func < (left: WorkerID, right: WorkerID) -> Bool { left.number < right.number }
    package var description: String { "worker-\(number)" }
}

/// The coordinator's half of the round protocol: who is admitted, which shard goes where, which
/// results count.
///
/// A value without sockets, clock or randomness. Unknown workers, duplicates, late and stale
/// results are ordinary events. The results of a round leave it in shard order, whatever order they
/// came in.
package struct CoordinatorCore: Sendable {
    /// What the driver saw happen.
    package enum Event: Hashable, Sendable {
        /// A message of any kind; the core decides whether the worker may say that.
        case received(WorkerID, Message, Credentials = .none)
        /// Frames that were no message, or asked for what nobody told of.
        case malformed(WorkerID, WireError)
        /// The transport knows that a connection is gone.
        case disconnected(WorkerID)
        /// The worker's key is no longer admitted.
        case revoked(WorkerID)
        /// The job's next round; none may be open.
        case opened(Round, RoundContext)
        /// The latest complete round's results make no sense together: the coordinator checks them
        /// all before anything is concluded.
        case unreduced(round: Int)
        /// The coordinator's own result, asked for by ``Action/recompute(_:)``.
        case recomputed(TaskID, payload: [UInt8])
        /// The coordinator could not compute what ``Action/recompute(_:)`` asked for.
        case recomputingFailed(TaskID, reason: String)
        case tick
        /// The job starts over from its first round, as another incarnation.
        case startedOver(epoch: UInt64)
        /// No more rounds; workers may go.
        case finished(reason: String, isFinished: Bool)
    }

    /// What the driver is to do, in this order.
    package enum Action: Hashable, Sendable {
        /// Send, if the connection still stands.
        case send(WorkerID, Message)
        /// Send this part of a blob, which the driver holds.
        case sendChunk(WorkerID, BlobRange)
        /// The worker sent a result that no worker computes.
        case noteMalformed(WorkerID, WireError)
        /// The worker's number will not come up again unless it speaks.
        case forget(WorkerID)
        /// Compute this shard here: workers disagree about it, or nobody else can do it or confirm
        /// it.
        case recompute(TaskMessage)
        /// The round is done: payloads of all its shards, in shard order.
        case complete(round: Int, results: [[UInt8]])
        /// Rounds that are over hold results of a quarantined worker: run the job again from the
        /// start.
        case startOver
        /// The job cannot go on: nobody can compute one of its shards.
        case fail(CoordinatorFailure)
        /// Tell the operator.
        case log(CoordinatorLog)
    }

    let job: Digest
    private(set) var epoch: UInt64
    let network: Digest
    let golden: Digest
    let limits: CoordinatorLimits
    private(set) var audit: AuditSelection
    /// Workers that were welcomed and have not spoken since: what greets may be gone already.
    private(set) var greeted = SortedTable<WorkerID, Greeted>()
    var workers = SortedTable<WorkerID, Admitted>()
    var open: OpenRound?
    /// The latest round that is complete, until the next one opens.
    private var closed: OpenRound?
    /// Which worker keeps the state of which images; only a preference.
    var affinity: [[Int]: WorkerID] = [:]
    /// Admitted workers that could take another shard.
    var hungry = SortedSet<WorkerID>()
    /// Whether somebody is there who need not rest.
    private var isAnybodyFit = false
    var quarantine = Quarantine()
    /// Whose results are in earlier rounds and nothing confirmed them.
    var unconfirmed: Set<Principal> = []
    /// Strikes of workers that are gone, by key: a new connection does not begin anew.
    var strikes: [Principal: Int] = [:]
    /// Median time of a shard in an earlier round.
    var earlierMedian: Duration?
    /// Rounds of earlier incarnations hold results of nobody knows whom.
    private(set) var isResumed: Bool
    private var startOvers = 0
    /// Nobody trustworthy is left: the coordinator computes by itself.
    private(set) var isAlone = false
    private var lastTick: Duration?
    private var lastWorkerSeen: Duration?
    private var lastLonelyLog: Duration?

    struct Greeted: Hashable, Sendable {
        var account: Account
        var lastHeard: Duration
    }

    /// A worker that was welcomed and answered.
    struct Admitted: Hashable, Sendable {
        struct Held: Hashable, Sendable {
            var round: Int
            var shard: Int
            var attempt: Int
        }

        var account: Account
        var lastHeard: Duration
        var pace: Pace
        /// Shards of the open round that wait for this worker's answer, in the order of their
        /// tasks.
        var shards: [Held] = []
        /// When it got each of them.
        var since: [Int: Duration] = [:]
        /// It is a straggler with what it holds.
        var isLate = false
        /// Tasks of earlier rounds that it has not answered: it may still be at one of them.
        var owed: Set<Held> = []
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
    ///   - golden: this build's golden digest; a worker with another computes other bits and is
    ///     refused.
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

    /// Admitted and not lost; who was only welcomed does not count.
    package var workerCount: Int { workers.count }

    /// Workers that were shut out because their results were wrong, in the order of their
    /// discovery.
    package var quarantined: [Account] { quarantine.accounts }

    /// Shards done and in total of the open round.
    package var roundProgress: (done: Int, total: Int)? {
        open.map { ($0.shards.count - $0.missing, $0.shards.count) }
    }

    /// Takes one event, in time that never goes back, and says what follows from it.
    package mutating func handle(_ event: Event, at now: Duration) -> [Action] {
        switch event {
        case .received(let worker, let message, let credentials):
            return receive(message, from: worker, credentials, at: now)
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
        case .unreduced(let round):
            return doubt(round: round)
        case .recomputed(let id, let payload):
            return decide(id, payload, at: now)
        case .recomputingFailed(let id, let reason):
            return giveUpRecomputing(id, reason, at: now)
        case .tick:
            forgivePause(until: now)
            return expire(at: now) + relieveStragglers(at: now) + goOnAlone(at: now)
                + dispatch(at: now) + reportLoneliness(at: now)
        case .startedOver(let epoch):
            return startOver(epoch)
        case .finished(let reason, let isFinished):
            (open, closed) = (nil, nil)
            let everybody = greeted.keys.ascending + workers.keys.ascending
            return everybody.map { .send($0, .goodbye(reason: reason, isFinished: isFinished)) }
        }
    }

    private mutating func begin(
        _ round: Round, _ context: RoundContext, at now: Duration
    ) -> [Action] {
        precondition(open == nil, "a round is open")
        noteUnconfirmed()
        open = OpenRound(
            round: round, context: context,
            owners: round.shards.map { shard in
                affinity[shard.images].flatMap { workers[$0] == nil ? nil : $0 }
            },
            isAudited: { [audit] in audit.includes($0.index, ofRound: round.index) })
        // Whatever workers still compute belongs to an earlier round and is not waited for.
        for worker in workers.keys.ascending {
            workers[worker]?.oweShards()
        }
        refreshAppetites()
        return [.log(.roundOpened(round))] + dispatch(at: now) + close()
    }

    /// What the latest round concluded from stands; who is found out later takes it back.
    private mutating func noteUnconfirmed() {
        for state in closed?.shards ?? [] where !state.isConfirmed {
            for claim in state.claims {
                if let account = claim.account { unconfirmed.insert(account.principal) }
            }
        }
        closed = nil
    }

    private mutating func startOver(_ epoch: UInt64) -> [Action] {
        let everybody = greeted.keys.ascending + workers.keys.ascending
        self.epoch = epoch
        startOvers += 1
        if startOvers >= limits.startOvers { audit = AuditSelection(job: job, share: 1) }
        (open, closed, workers, greeted) = (nil, nil, SortedTable(), SortedTable())
        (hungry, affinity, unconfirmed) = (SortedSet(), [:], [])
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
        _ message: Message, from worker: WorkerID, _ credentials: Credentials, at now: Duration
    ) -> [Action] {
        if case .hello(let hello) = message {
            return greet(Account(worker, hello, credentials), at: now)
        }
        if case .result(let result) = message, !hasShape(result) {
            let error = WireError(.field("result"))
            return [.noteMalformed(worker, error)] + handle(.malformed(worker, error), at: now)
        }
        if greeted[worker] != nil, case .goodbye = message {
            return lose(worker, because: .left("")) + [.forget(worker)]
        }
        let admission = admit(worker, at: now)
        guard workers[worker] != nil else {
            if case .goodbye = message { return [.forget(worker)] }
            // Lost its lease, or speaks before its greeting: it has to start over.
            return [.send(worker, .goodbye(reason: "greet first", isFinished: false))]
        }
        workers[worker]?.lastHeard = now
        // Tasks first: a worker that knows of them is not taken for hung while it downloads.
        let tasks = admission.isEmpty ? [] : dispatch(at: now)
        return admission + tasks + answer(message, of: worker, at: now)
    }

    private mutating func answer(
        _ message: Message, of worker: WorkerID, at now: Duration
    ) -> [Action] {
        switch message {
        case .fetch(let range):
            return [.sendChunk(worker, range)]
        case .heartbeat(let progress):
            if workers[worker]?.finished != progress { workers[worker]?.finishedAt = now }
            workers[worker]?.finished = progress
            return [.send(worker, .heartbeat(progress: progress))]
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

    /// Welcomes a worker; it is one when it has answered.
    private mutating func greet(_ account: Account, at now: Duration) -> [Action] {
        let worker = account.worker
        if let reason = refusal(of: account) {
            return lose(worker, because: .greetedAgain) + [
                .send(worker, .refusal(reason: reason)),
                .log(.workerRefused(account, reason: reason)), .forget(worker),
            ] + dispatch(at: now)
        }
        if let known = workers[worker]?.account ?? greeted[worker]?.account, known != account {
            return lose(worker, because: .greetedAgain) + [
                .send(worker, .goodbye(reason: "greeted again", isFinished: false)),
                .forget(worker),
            ] + dispatch(at: now)
        }
        // A worker repeats its greeting until the welcome arrives; what it was given is on its way.
        if workers[worker] != nil {
            workers[worker]?.lastHeard = now
        } else {
            greeted[worker] = Greeted(account: account, lastHeard: now)
        }
        let welcome = Welcome(
            job: job, epoch: epoch, network: network, shardLease: limits.shardLease)
        return [.send(worker, .welcome(welcome))]
    }

    /// A worker that was welcomed speaks: it is there, and may be given work.
    private mutating func admit(_ worker: WorkerID, at now: Duration) -> [Action] {
        guard let account = greeted.removeValue(forKey: worker)?.account else { return [] }
        isAlone = false
        workers[worker] = Admitted(
            account: account, lastHeard: now,
            pace: Pace(
                inherited: strikes[account.principal] ?? 0, round: open?.round.index ?? 0),
            busySince: now, finishedAt: now)
        refreshAppetites()
        return [.log(.workerAdmitted(account))]
    }

    /// Takes a worker off the lists.
    mutating func remove(_ worker: WorkerID) -> Admitted? {
        _ = greeted.removeValue(forKey: worker)
        guard let removed = workers.removeValue(forKey: worker) else { return nil }
        hungry.remove(worker)
        refreshAppetites()
        return removed
    }

    func refusal(of account: Account) -> String? {
        let mine = WireVersion.oldest...WireVersion.newest
        let hello = account.hello
        if !hello.versions.overlaps(mine) {
            return "worker speaks protocol versions \(hello.versions), coordinator \(mine): "
                + "install the same release on both"
        }
        if hello.golden != golden {
            return "golden shard differs (worker \(hello.isa), build \(hello.build)): this worker "
                + "would compute other bits"
        }
        if quarantine.excludes(account) {
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
        (open, closed) = (nil, round)
        earlierMedian = round.medianDuration ?? earlierMedian
        for worker in workers.keys.ascending { workers[worker]?.pace.finishRound() }
        return [.complete(round: round.round.index, results: round.results)]
    }

    /// Opens the latest complete round again, to have the coordinator compute every shard that it
    /// has not decided.
    private mutating func doubt(round index: Int) -> [Action] {
        guard open == nil, closed?.round.index == index, let round = closed else { return [] }
        (open, closed) = (round, nil)
        var actions: [Action] = []
        for shard in round.shards.indices where !round.shards[shard].isDecided {
            open?.demand(.coordinator, of: shard)
            actions += computeHere(shard, .unreduced)
        }
        return actions + close()
    }

    /// Keeps ``hungry`` right after a change of who is there or who rests. What waited for one that
    /// gets nothing is anybody's.
    mutating func refreshAppetites() {
        let round = open?.round.index ?? 0
        isAnybodyFit = workers.contains { _, worker in
            !worker.pace.rests(in: round) && worker.owed.isEmpty && !worker.isLate
        }
        var able: [WorkerID] = []
        for (worker, entry) in workers {
            if mayWork(entry) { able.append(worker) } else { open?.forget(worker) }
        }
        hungry = SortedSet(ascending: able.filter(isHungry))
    }

    /// Whether a worker may be given anything: it owes no answer, and rests only where nobody else
    /// is there.
    func mayWork(_ worker: Admitted) -> Bool {
        worker.owed.isEmpty
            && !(isAnybodyFit && worker.pace.rests(in: open?.round.index ?? 0))
    }

    func isHungry(_ worker: WorkerID) -> Bool {
        workers[worker].map { mayWork($0) && $0.shards.count < limits.shardsInFlight } ?? false
    }

    /// The coordinator goes on by itself when nobody has been there for a lease after somebody was
    /// shut out.
    private mutating func goOnAlone(at now: Duration) -> [Action] {
        guard !isAlone, !quarantine.isEmpty, workers.isEmpty, open != nil,
            let lastWorkerSeen, now - lastWorkerSeen > limits.lease
        else { return [] }
        isAlone = true
        return [.log(.computingAlone)]
    }

    /// Ticks come several times a second; a longer pause was this process's own.
    private mutating func forgivePause(until now: Duration) {
        if let lastTick, now - lastTick > .seconds(1) { forgive(now - lastTick) }
        lastTick = now
    }

    private mutating func reportLoneliness(at now: Duration) -> [Action] {
        guard workers.isEmpty, open != nil, !isAlone else {
            if !isAlone { lastWorkerSeen = now }
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

extension CoordinatorCore.Admitted {
    /// What it holds belongs to a round that is over.
    mutating func oweShards() {
        owed.formUnion(shards)
        (shards, since, isLate) = ([], [:], false)
    }

    /// Time in which nobody could have heard it does not count.
    mutating func forgive(_ pause: Duration) {
        lastHeard += pause
        busySince += pause
        finishedAt += pause
        since = since.mapValues { $0 + pause }
    }
}
