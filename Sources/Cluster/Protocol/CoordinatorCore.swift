package import Calibration
package import Storage

/// One connection, numbered by the driver; a worker that reconnects gets a new number.
package struct WorkerID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var number: Int

    package init(_ number: Int) { self.number = number }

    package static func < (left: WorkerID, right: WorkerID) -> Bool { left.number < right.number }
    package var description: String { "worker-\(number)" }
}

/// Limits of the protocol on the coordinator's side.
package struct CoordinatorLimits: Hashable, Sendable {
    /// A worker that says nothing for so long loses its shards.
    package var lease: Duration
    /// Shards one worker holds at a time: one it computes and one that waits.
    package var shardsInFlight = 2
    /// A shard that fails so often stops the job.
    package var attempts = 4

    package init(lease: Duration) { self.lease = lease }
}

/// What a round's tasks have in common.
package struct RoundContext: Hashable, Sendable {
    package var network: Digest
    package var quantized: Digest?
    package var biases: [UInt8]
    package var biasDigest: Digest
    /// All images of the pool, in order.
    package var images: [ImageReference]
    /// What the network should answer on each of them, as blobs; nil in rounds without a loss.
    package var targets: [Digest]?

    package init(
        network: Digest, quantized: Digest?, biases: [UInt8], images: [ImageReference],
        targets: [Digest]? = nil
    ) {
        self.network = network
        self.quantized = quantized
        self.biases = biases
        self.targets = targets
        biasDigest = Digest.sha256(of: biases)
        self.images = images
    }
}

/// The coordinator's half of the round protocol: who is admitted, which shard goes where, which results count.
///
/// A value without sockets, clock or randomness. Unknown workers, duplicates, late and stale results are ordinary events. The results of a
/// round leave it in shard order, whatever order they came in.
package struct CoordinatorCore: Sendable {
    package enum Event: Hashable, Sendable {
        case received(WorkerID, Message)
        /// Frames that were no message.
        case malformed(WorkerID, WireError)
        /// The transport knows that a connection is gone.
        case disconnected(WorkerID)
        /// The worker's key is no longer admitted.
        case revoked(WorkerID)
        case opened(Round, RoundContext)
        case tick
        /// No more rounds; workers may go.
        case finished(reason: String, isFinished: Bool)
    }

    package enum Action: Hashable, Sendable {
        case send(WorkerID, Message)
        /// Send this part of a blob, which the driver holds.
        case sendChunk(WorkerID, BlobRange)
        /// The worker's number will not come up again unless it speaks.
        case forget(WorkerID)
        case complete(round: Int, results: [[UInt8]])
        case fail(CoordinatorFailure)
        case log(CoordinatorLog)
    }

    let job: Digest
    let epoch: UInt64
    let network: Digest
    let golden: Digest
    let limits: CoordinatorLimits
    private(set) var workers: [WorkerID: Admitted] = [:]
    private(set) var open: OpenRound?
    /// Which worker keeps the state of which images; only a preference.
    private var affinity: [[Int]: WorkerID] = [:]
    private var lastWorkerSeen: Duration?
    private var lastLonelyLog: Duration?

    /// A worker that was welcomed.
    struct Admitted: Hashable, Sendable {
        var hello: Hello
        var lastHeard: Duration
        /// Shards of the open round that wait for this worker's answer.
        var shards: Set<Int> = []
    }

    /// - Parameters:
    ///   - job: names the job; results of another are ignored.
    ///   - epoch: this incarnation.
    ///   - network: digest of the float network's blob.
    ///   - golden: this build's golden digest; a worker with another computes other bits and is refused.
    ///   - limits: leases and attempts.
    package init(
        job: Digest, epoch: UInt64, network: Digest, golden: Digest, limits: CoordinatorLimits
    ) {
        self.job = job
        self.epoch = epoch
        self.network = network
        self.golden = golden
        self.limits = limits
    }

    package var workerCount: Int { workers.count }

    /// Shards done and in total of the open round.
    package var roundProgress: (done: Int, total: Int)? {
        open.map { ($0.results.count - $0.missing, $0.results.count) }
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
            precondition(open == nil, "a round is open")
            open = OpenRound(round: round, context: context)
            // Whatever workers still compute belongs to an earlier round and is not waited for.
            for worker in workers.keys { workers[worker]?.shards = [] }
            if round.shards.isEmpty { return close() }
            return [.log(.roundOpened(round))] + dispatch(at: now)
        case .tick:
            return expire(at: now) + dispatch(at: now) + reportLoneliness(at: now)
        case .finished(let reason, let isFinished):
            open = nil
            return workers.keys.sorted().map {
                .send($0, .goodbye(reason: reason, isFinished: isFinished))
            }
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

    private mutating func greet(_ hello: Hello, from worker: WorkerID, at now: Duration) -> [Action]
    {
        let mine = WireVersion.oldest...WireVersion.newest
        let refusal: String? =
            if !hello.versions.overlaps(mine) {
                "worker speaks protocol versions \(hello.versions), coordinator \(mine): "
                    + "install the same release on both"
            } else if hello.golden != golden {
                "golden shard differs (worker \(hello.isa), build \(hello.build)): this worker would "
                    + "compute other bits"
            } else {
                nil
            }
        if let refusal {
            return lose(worker, because: .greetedAgain) + [
                .send(worker, .refusal(reason: refusal)),
                .log(.workerRefused(worker, hello, reason: refusal)), .forget(worker),
            ] + dispatch(at: now)
        }
        let welcome = Welcome(job: job, epoch: epoch, network: network)
        if workers[worker]?.hello == hello {
            // A worker repeats its greeting until the welcome arrives; what it was given is on its way.
            workers[worker]?.lastHeard = now
            return [.send(worker, .welcome(welcome))]
        }
        let requeue = lose(worker, because: .greetedAgain)
        workers[worker] = Admitted(hello: hello, lastHeard: now)
        return requeue + [
            .send(worker, .welcome(welcome)),
            .log(.workerAdmitted(worker, hello)),
        ] + dispatch(at: now)
    }

    private mutating func accept(
        _ result: ShardResult, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        guard let round = openRound(of: result.id), result.biases == round.context.biasDigest else {
            return [.log(.resultIgnored(worker, result.id, reason: "stale"))] + dispatch(at: now)
        }
        workers[worker]?.shards.remove(result.id.shard)
        guard round.results[result.id.shard] == nil else {
            return [.log(.resultIgnored(worker, result.id, reason: "duplicate"))]
                + dispatch(at: now)
        }
        open?.record(result)
        affinity[round.round.shards[result.id.shard].images] = worker
        if open?.missing == 0 { return close() }
        return dispatch(at: now)
    }

    private mutating func fail(
        _ id: TaskID, reason: String, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        var actions: [Action] = [.log(.shardFailed(worker, id, reason: reason))]
        // An attempt that was given up has been counted already.
        guard let round = openRound(of: id), round.attempts[id.shard] == id.attempt,
            workers[worker]?.shards.remove(id.shard) != nil
        else { return actions + dispatch(at: now) }
        affinity[round.round.shards[id.shard].images] = successor(of: worker)
        actions += requeue(id.shard, reason: reason)
        return actions + dispatch(at: now)
    }

    /// The open round, if this names one of its shards.
    private func openRound(of id: TaskID) -> OpenRound? {
        guard let open, id.job == job, id.epoch == epoch, id.round == open.round.index,
            open.results.indices.contains(id.shard)
        else { return nil }
        return open
    }

    /// Who tries next what this worker could not compute: another one, if there is another.
    private func successor(of worker: WorkerID) -> WorkerID? {
        workers.keys.filter { $0 > worker }.min() ?? workers.keys.min()
    }

    private mutating func close() -> [Action] {
        guard let round = open else { return [] }
        open = nil
        return [.complete(round: round.round.index, results: round.results.compactMap { $0 })]
    }

    // MARK: Losing workers

    private mutating func lose(_ worker: WorkerID, because cause: WorkerLoss) -> [Action] {
        guard let lost = workers.removeValue(forKey: worker) else { return [] }
        affinity = affinity.filter { $0.value != worker }
        var actions: [Action] = [
            .log(.workerLost(worker, lost.hello, cause, shards: lost.shards.sorted()))
        ]
        for shard in lost.shards.sorted() {
            actions += requeue(shard, reason: "\(worker) was lost: \(cause)")
        }
        return actions
    }

    private mutating func requeue(_ shard: Int, reason: String) -> [Action] {
        guard let attempts = open?.requeue(shard) else { return [] }
        guard attempts >= limits.attempts, let round = open else { return [] }
        return [
            .fail(
                CoordinatorFailure(
                    round: round.round.index, shard: round.round.shards[shard],
                    attempts: attempts, reason: reason))
        ]
    }

    private mutating func expire(at now: Duration) -> [Action] {
        let expired = workers.filter { now - $0.value.lastHeard > limits.lease }.keys.sorted()
        return expired.flatMap { worker in
            lose(worker, because: .leaseExpired) + [
                .send(worker, .goodbye(reason: "lease expired", isFinished: false)),
                .forget(worker),
            ]
        }
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

    // MARK: Handing out shards

    /// Fills every worker up to its limit. Order is fixed by worker numbers and shard indices.
    private mutating func dispatch(at now: Duration) -> [Action] {
        var actions: [Action] = []
        // One shard per worker and turn, so that the first to greet does not take all.
        var isHandingOut = true
        while isHandingOut {
            isHandingOut = false
            for worker in workers.keys.sorted() {
                guard let load = workers[worker]?.shards.count, load < limits.shardsInFlight,
                    let shard = nextShard(for: worker),
                    let task = open?.assign(shard, job: job, epoch: epoch)
                else { continue }
                workers[worker]?.shards.insert(shard)
                affinity[task.images] = worker
                actions.append(.send(worker, .task(task.message)))
                isHandingOut = true
            }
        }
        return actions
    }

    /// A shard whose state this worker keeps, else one nobody keeps, else one of a worker with more than its share.
    private func nextShard(for worker: WorkerID) -> Int? {
        guard let open, !open.pending.isEmpty else { return nil }
        let owners = open.pending.map { affinity[open.round.shards[$0].images] }
        if let mine = owners.firstIndex(of: worker) { return open.pending[mine] }
        if let free = owners.firstIndex(of: nil) { return open.pending[free] }
        let share = (open.results.count + workers.count - 1) / max(workers.count, 1)
        var owned: [WorkerID: Int] = [:]
        for shard in open.round.shards {
            if let owner = affinity[shard.images] { owned[owner, default: 0] += 1 }
        }
        guard owned[worker, default: 0] < share else { return nil }
        let surplus = owners.firstIndex { owner in
            owner.map { owned[$0, default: 0] > share } ?? true
        }
        return surplus.map { open.pending[$0] }
    }
}
