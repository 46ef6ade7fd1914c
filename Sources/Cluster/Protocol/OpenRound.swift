import Calibration
import Storage

/// The round in work: who holds which shard, and what has come back.
struct OpenRound: Sendable {
    /// One shard. waiting → held → done; done and audited → held or queued for audit → confirmed
    struct ShardState: Hashable, Sendable {
        /// Workers whose answer is awaited: one, or two for a straggler's shard or an audit.
        var holders: [WorkerID] = []
        /// Times it was handed out.
        var attempts = 0
        /// Times a worker said that it cannot be computed.
        var failures = 0
        /// Times a worker vanished that was computing it.
        var losses = 0
        /// What workers say the result is. The first one counts, unless they differ.
        var claims: [Claim] = []
        /// Whether a second computation is asked for.
        var isAudited: Bool
        /// Two computations agree, or the coordinator's own decided.
        var isConfirmed = false
        /// The coordinator computes it itself.
        var isRecomputing = false
        var isQueuedForAudit = false

        var isDone: Bool { !claims.isEmpty }
        /// Two claims differ.
        var isDisputed: Bool { claims.contains { $0.payload != claims[0].payload } }
        /// Done, and nothing is left to find out.
        var isSettled: Bool { isDone && (isConfirmed || !isAudited && !isDisputed) }
        var needsSecondOpinion: Bool {
            isDone && isAudited && !isConfirmed && !isDisputed && holders.isEmpty
                && !isRecomputing
        }
    }

    /// A result and who computed it.
    struct Claim: Hashable, Sendable {
        var worker: Hello
        var payload: [UInt8]
    }

    let round: Round
    let context: RoundContext
    private(set) var shards: [ShardState]
    private(set) var queues: ShardQueues
    /// Shards without a result.
    private(set) var missing: Int
    /// Shards that are not settled.
    private(set) var unsettled: Int
    /// Shards that wait for a second computation, in the order of their first.
    private(set) var audits: [Int] = []
    /// Times of the shards that came back.
    private var durations = RunningMedian<Duration>()

    /// - Parameters:
    ///   - round: its shards.
    ///   - context: what their tasks have in common.
    ///   - owners: who keeps the state of each shard.
    ///   - isAudited: which shards are computed twice.
    init(
        round: Round, context: RoundContext, owners: [WorkerID?], isAudited: (Shard) -> Bool
    ) {
        self.round = round
        self.context = context
        queues = ShardQueues(owners: owners)
        shards = round.shards.map { ShardState(isAudited: isAudited($0)) }
        missing = shards.count
        unsettled = shards.count
    }

    var results: [[UInt8]] { shards.compactMap { $0.claims.first?.payload } }

    // MARK: Handing out

    /// Shards nobody holds.
    var waiting: Int { queues.count }

    /// Whether a worker could be given something.
    var hasWork: Bool { queues.count > 0 || !audits.isEmpty }

    /// Takes the next waiting shard for a worker.
    mutating func next(for worker: WorkerID, among workers: SortedSet<WorkerID>) -> Int? {
        guard let shard = queues.pop(for: worker, among: workers) else { return nil }
        queues.setOwner(worker, of: shard)
        return shard
    }

    /// Takes a shard whose result somebody else has to confirm.
    mutating func nextAudit(for worker: Hello) -> Int? {
        guard
            let position = audits.firstIndex(where: {
                shards[$0].claims.allSatisfy { $0.worker.identity != worker.identity }
            })
        else { return nil }
        let shard = audits.remove(at: position)
        shards[shard].isQueuedForAudit = false
        return shard
    }

    /// Takes every shard that waits for a second opinion.
    mutating func takeAudits() -> [Int] {
        for shard in audits { shards[shard].isQueuedForAudit = false }
        defer { audits = [] }
        return audits
    }

    /// Notes that a worker has a shard now, and makes its task.
    mutating func assign(
        _ shard: Int, to worker: WorkerID?, job: Digest, epoch: UInt64
    ) -> TaskMessage {
        if let worker {
            shards[shard].holders.append(worker)
        } else {
            shards[shard].isRecomputing = true
        }
        defer { shards[shard].attempts += 1 }
        return TaskMessage(
            id: TaskID(
                job: job, epoch: epoch, round: round.index, shard: shard,
                attempt: shards[shard].attempts),
            kind: round.kind,
            images: round.shards[shard].images.map { position in
                TaskImage(
                    position: position, reference: context.images[position],
                    target: context.targets?[position])
            }, network: context.network, quantized: context.quantized,
            rescaling: context.rescaling, biases: context.biases, biasDigest: context.biasDigest)
    }

    mutating func release(_ worker: WorkerID) { queues.release(worker) }

    mutating func forget(_ worker: WorkerID) { queues.forget(worker) }

    mutating func setOwner(_ worker: WorkerID?, of shard: Int) {
        queues.setOwner(worker, of: shard)
    }

    // MARK: Coming back

    enum Acceptance: Hashable {
        case counted, duplicate
        /// The second result of an audited shard, and the same.
        case confirmed
        /// Two workers say different things.
        case disputed
    }

    /// Notes a worker's result.
    mutating func accept(
        _ payload: [UInt8], of shard: Int, from worker: WorkerID, _ hello: Hello, took: Duration?
    ) -> Acceptance {
        let before = shards[shard]
        change(shard) { $0.holders.removeAll { $0 == worker } }
        if let took { durations.add(took) }
        // What the coordinator decided stands.
        if before.isConfirmed, before.claims.first?.payload == payload { return .duplicate }
        let isKnown = before.claims.contains {
            $0.worker.identity == hello.identity && $0.payload == payload
        }
        if isKnown {
            requestAudit(shard)
            return .duplicate
        }
        // Equal results share their bytes.
        let equal = before.claims.first { $0.payload == payload }
        change(shard) {
            $0.claims.append(Claim(worker: hello, payload: equal?.payload ?? payload))
            $0.isConfirmed = equal != nil && !$0.isDisputed
        }
        requestAudit(shard)
        if shards[shard].isDisputed { return .disputed }
        if before.isDone { return before.isAudited ? .confirmed : .duplicate }
        return .counted
    }

    /// Notes the coordinator's own result, which decides.
    /// - Returns: claims that are wrong.
    mutating func decide(_ payload: [UInt8], of shard: Int) -> [Claim] {
        let wrong = shards[shard].claims.filter { $0.payload != payload }
        change(shard) {
            $0.isRecomputing = false
            $0.claims.removeAll { $0.payload != payload }
            if let first = $0.claims.first {
                $0.claims = [first]
            } else {
                $0.claims = [Claim(worker: .coordinator, payload: payload)]
            }
            $0.isConfirmed = true
        }
        return wrong
    }

    /// Throws away what only this worker says.
    mutating func discardClaims(of worker: WorkerIdentity) {
        for shard in shards.indices where !shards[shard].isConfirmed {
            guard shards[shard].claims.contains(where: { $0.worker.identity == worker }) else {
                continue
            }
            change(shard) { $0.claims.removeAll { $0.worker.identity == worker } }
            if shards[shard].isQueuedForAudit {
                shards[shard].isQueuedForAudit = false
                audits.removeAll { $0 == shard }
            }
            requeue(shard)
            requestAudit(shard)
        }
    }

    /// Notes that a worker will not answer any more.
    mutating func abandon(_ shard: Int, by worker: WorkerID) {
        change(shard) { $0.holders.removeAll { $0 == worker } }
        requeue(shard)
        requestAudit(shard)
    }

    /// - Returns: failures so far.
    mutating func countFailure(of shard: Int) -> Int {
        shards[shard].failures += 1
        return shards[shard].failures
    }

    /// - Returns: losses so far.
    mutating func countLoss(of shard: Int) -> Int {
        shards[shard].losses += 1
        return shards[shard].losses
    }

    private mutating func requeue(_ shard: Int) {
        let state = shards[shard]
        guard !state.isDone, state.holders.isEmpty, !state.isRecomputing else { return }
        queues.push(shard)
    }

    private mutating func requestAudit(_ shard: Int) {
        guard shards[shard].needsSecondOpinion, !shards[shard].isQueuedForAudit else { return }
        shards[shard].isQueuedForAudit = true
        audits.append(shard)
    }

    /// Changes a shard and keeps the counts right. A late answer settles a waiting shard all the same.
    private mutating func change(_ shard: Int, _ body: (inout ShardState) -> Void) {
        let before = shards[shard]
        body(&shards[shard])
        let after = shards[shard]
        if after.isDone { queues.remove(shard) }
        missing += (after.isDone ? 0 : 1) - (before.isDone ? 0 : 1)
        unsettled += (after.isSettled ? 0 : 1) - (before.isSettled ? 0 : 1)
    }

    // MARK: Stragglers

    /// How long a shard may take before its worker counts as a straggler; nil before any came back.
    func stragglerAge(_ limits: CoordinatorLimits) -> Duration? {
        durations.value.map { max($0 * limits.stragglerFactor, limits.stragglerAge) }
    }

    /// Shards that only a straggler holds, if it is time to give them to somebody else as well: enough of the round is done, or
    /// nothing else is left of it.
    func stuck(with stragglers: SortedSet<WorkerID>, _ limits: CoordinatorLimits) -> [Int] {
        guard waiting == 0 else { return [] }
        let held = shards.indices.filter { !shards[$0].isSettled && !shards[$0].holders.isEmpty }
        let stuck = held.filter {
            shards[$0].holders.count == 1 && stragglers.contains(shards[$0].holders[0])
        }
        let done = Double(shards.count - missing)
        guard done >= limits.stragglerShare * Double(shards.count) || stuck.count == held.count
        else { return [] }
        return stuck
    }
}
