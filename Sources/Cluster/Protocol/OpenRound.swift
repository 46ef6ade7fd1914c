// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage

/// The round in work: who holds which shard, and what has come back.
struct OpenRound: Sendable {
    /// What has to be found out about a result before it counts for good.
    enum Demand: Hashable, Sendable, Comparable {
        case nothing
        /// Somebody with another key, or the coordinator, computes the same.
        case secondOpinion
        case coordinator
    }

    /// To whom the shard was given at some time.
    struct Attempt: Hashable, Sendable {
        /// Nil for the coordinator.
        var principal: Principal?
        var isAnswered = false
    }

    /// One shard. waiting → held → done; done and audited → held or queued for audit → confirmed
    struct ShardState: Hashable, Sendable {
        /// Workers whose answer is awaited: one, or more for a straggler's shard or an audit.
        var holders: [WorkerID] = []
        var attempts: [Attempt] = []
        /// Times a worker said that it cannot be computed.
        var failures = 0
        /// Times a worker vanished that was computing it, by whose it was.
        var losses: [Principal: Int] = [:]
        /// What workers say the result is. The first one counts, unless they differ.
        var claims: [Claim] = []
        var demand: Demand
        /// Two computations of different keys agree, or the coordinator's own decided.
        var isConfirmed = false
        /// The coordinator's own computation gave the result.
        var isDecided = false
        /// The coordinator computes it itself.
        var isRecomputing = false
        var isQueuedForAudit = false

        var isDone: Bool { !claims.isEmpty }
        /// Two claims differ.
        var isDisputed: Bool { claims.contains { $0.payload != claims[0].payload } }
        /// Done, and nothing is left to find out.
        var isSettled: Bool {
            guard isDone, !isDisputed else { return false }
            switch demand {
            case .nothing: return true
            case .secondOpinion: return isConfirmed
            case .coordinator: return isDecided
            }
        }
        var needsSecondOpinion: Bool {
            isDone && demand == .secondOpinion && !isConfirmed && !isDisputed && holders.isEmpty
                && !isRecomputing
        }
    }

    /// A result and who computed it.
    struct Claim: Hashable, Sendable {
        /// Nil for the coordinator.
        var account: Account?
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
    /// Shards that the coordinator computes.
    private(set) var recomputing = 0
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
        shards = round.shards.map {
            ShardState(demand: isAudited($0) ? .secondOpinion : .nothing)
        }
        missing = shards.count
        unsettled = shards.count
    }

    var results: [[UInt8]] { shards.compactMap { $0.claims.first?.payload } }

    /// Of the shards that came back; nil before any did.
    var medianDuration: Duration? { durations.value }

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

    /// Takes the next waiting shard that no worker keeps the state of.
    mutating func nextFree() -> Int? { queues.popFree() }

    /// Takes a shard whose result somebody else has to confirm.
    mutating func nextAudit(for principal: Principal) -> Int? {
        guard let position = audits.firstIndex(where: { isFresh(principal, for: $0) }) else {
            return nil
        }
        let shard = audits.remove(at: position)
        shards[shard].isQueuedForAudit = false
        return shard
    }

    /// Takes every shard that waits for a second opinion none of these can give.
    mutating func takeAudits(beyond principals: Set<Principal>) -> [Int] {
        let taken = audits.filter { shard in !principals.contains { isFresh($0, for: shard) } }
        guard !taken.isEmpty else { return [] }
        for shard in taken { shards[shard].isQueuedForAudit = false }
        audits.removeAll { !shards[$0].isQueuedForAudit }
        return taken
    }

    /// Whether none of a shard's claims is this principal's: only then its result would be a second
    /// opinion.
    func isFresh(_ principal: Principal, for shard: Int) -> Bool {
        shards[shard].claims.allSatisfy { $0.account?.principal != principal }
    }

    /// Notes that a worker, or the coordinator, has a shard now, and makes its task.
    mutating func assign(
        _ shard: Int, to worker: (id: WorkerID, principal: Principal)?, job: Digest, epoch: UInt64
    ) -> TaskMessage {
        if let worker {
            shards[shard].holders.append(worker.id)
        } else {
            shards[shard].isRecomputing = true
            recomputing += 1
            queues.remove(shard)
        }
        defer { shards[shard].attempts.append(Attempt(principal: worker?.principal)) }
        return TaskMessage(
            id: TaskID(
                job: job, epoch: epoch, round: round.index, shard: shard,
                attempt: shards[shard].attempts.count),
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
        /// The attempt was not given to this key.
        case foreign
        /// The second result of an audited shard, and the same.
        case confirmed
        /// Two computations say different things.
        case disputed
    }

    /// Notes a worker's result, if it answers an attempt that was given to its key and is not
    /// answered yet. `took` says how long the worker had it; nil if the connection was not given
    /// this attempt.
    mutating func accept(
        _ payload: [UInt8], of shard: Int, attempt: Int, from account: Account, took: Duration?
    ) -> Acceptance {
        guard shards[shard].attempts.indices.contains(attempt),
            shards[shard].attempts[attempt].principal == account.principal
        else { return .foreign }
        let before = shards[shard]
        // Else it holds a later attempt, which it will answer as well.
        if took != nil { change(shard) { $0.holders.removeAll { $0 == account.worker } } }
        guard !before.attempts[attempt].isAnswered else {
            requestAudit(shard)
            return .duplicate
        }
        shards[shard].attempts[attempt].isAnswered = true
        if let took { durations.add(took) }
        // Equal results share their bytes.
        let equal = before.claims.filter { $0.payload == payload }
        // What the coordinator decided stands, and a key does not confirm itself.
        if before.isDecided && !equal.isEmpty
            || equal.contains(where: { $0.account?.principal == account.principal })
        {
            requestAudit(shard)
            return .duplicate
        }
        change(shard) {
            $0.claims.append(Claim(account: account, payload: equal.first?.payload ?? payload))
            $0.isConfirmed = !equal.isEmpty && !$0.isDisputed
        }
        requestAudit(shard)
        if shards[shard].isDisputed { return .disputed }
        if before.isDone { return before.demand == .nothing ? .duplicate : .confirmed }
        return .counted
    }

    /// Raises what has to be found out about a shard.
    mutating func demand(_ demand: Demand, of shard: Int) {
        change(shard) { $0.demand = max($0.demand, demand) }
    }

    /// Notes the coordinator's own result, which decides.
    /// - Returns: claims that are wrong.
    mutating func decide(_ payload: [UInt8], of shard: Int) -> [Claim] {
        let wrong = shards[shard].claims.filter { $0.payload != payload }
        withdraw(shard)
        change(shard) {
            $0.claims.removeAll { $0.payload != payload }
            $0.claims = [$0.claims.first ?? Claim(account: nil, payload: payload)]
            ($0.isConfirmed, $0.isDecided) = (true, true)
        }
        return wrong
    }

    /// The coordinator has no result of this shard.
    mutating func giveUpRecomputing(_ shard: Int) {
        withdraw(shard)
        requeue(shard)
        requestAudit(shard)
    }

    private mutating func withdraw(_ shard: Int) {
        guard shards[shard].isRecomputing else { return }
        change(shard) { $0.isRecomputing = false }
        recomputing -= 1
    }

    /// Throws away what only this principal says.
    mutating func discardClaims(of principal: Principal) {
        for shard in shards.indices where !shards[shard].isConfirmed {
            guard shards[shard].claims.contains(where: { $0.account?.principal == principal })
            else { continue }
            change(shard) { $0.claims.removeAll { $0.account?.principal == principal } }
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

    /// - Returns: losses so far, by whose they were.
    mutating func countLoss(of shard: Int, by principal: Principal) -> [Principal: Int] {
        shards[shard].losses[principal, default: 0] += 1
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

    /// Changes a shard and keeps the counts right. A late answer settles a waiting shard all the
    /// same.
    private mutating func change(_ shard: Int, _ body: (inout ShardState) -> Void) {
        let before = shards[shard]
        body(&shards[shard])
        let after = shards[shard]
        if after.isDone { queues.remove(shard) }
        missing += (after.isDone ? 0 : 1) - (before.isDone ? 0 : 1)
        unsettled += (after.isSettled ? 0 : 1) - (before.isSettled ? 0 : 1)
    }

    // MARK: Stragglers

    /// Shards that only stragglers hold, if it is time to give them to somebody else as well:
    /// enough of the round is done, or nothing else is left of it.
    func stuck(with stragglers: SortedSet<WorkerID>, share: Double) -> [Int] {
        guard waiting == 0 else { return [] }
        let held = shards.indices.filter {
            !shards[$0].isSettled && !shards[$0].holders.isEmpty && !shards[$0].isRecomputing
        }
        let stuck = held.filter { shards[$0].holders.allSatisfy(stragglers.contains) }
        let done = Double(shards.count - missing)
        return done >= share * Double(shards.count) || stuck.count == held.count ? stuck : []
    }
}
