import Calibration

/// Handing out shards. Order is fixed by worker numbers and shard indices.
extension CoordinatorCore {
    /// Fills every worker up to its limit.
    mutating func dispatch(at now: Duration) -> [Action] {
        guard open?.hasWork == true else { return [] }
        var actions = confirmHere()
        // One shard per worker and turn, so that the first to greet does not take all.
        var takers = hungry.ascending
        while !takers.isEmpty {
            takers = takers.filter { worker in
                guard let shard = nextShard(for: worker) else { return false }
                actions.append(give(shard, to: worker, at: now))
                return hungry.contains(worker)
            }
        }
        return actions
    }

    private mutating func nextShard(for worker: WorkerID) -> Int? {
        if let shard = open?.next(for: worker, among: workers.keys) { return shard }
        guard let hello = workers[worker]?.hello else { return nil }
        return open?.nextAudit(for: hello)
    }

    /// Where there is no second worker, the coordinator is the second.
    private mutating func confirmHere() -> [Action] {
        guard open?.audits.isEmpty == false else { return [] }
        let first = workers.first(where: { _ in true })?.value.hello.identity
        if workers.contains(where: { $0.value.hello.identity != first }) { return [] }
        return (open?.takeAudits() ?? []).compactMap { recompute($0) }
    }

    mutating func recompute(_ shard: Int) -> Action? {
        guard open?.shards[shard].isRecomputing == false,
            let task = open?.assign(shard, to: nil, job: job, epoch: epoch)
        else { return nil }
        return .recompute(task)
    }

    private mutating func give(_ shard: Int, to worker: WorkerID, at now: Duration) -> Action {
        guard let task = open?.assign(shard, to: worker, job: job, epoch: epoch) else {
            preconditionFailure("no round is open")
        }
        if workers[worker]?.shards.isEmpty == true { workers[worker]?.busySince = now }
        workers[worker]?.shards.append(.init(shard: shard, attempt: task.id.attempt))
        affinity[task.images.map(\.position)] = worker
        noteAppetite(worker)
        return .send(worker, .task(task))
    }

    /// Keeps ``hungry`` right; to be called after every change of a worker.
    mutating func noteAppetite(_ worker: WorkerID) {
        if isHungry(worker) { hungry.insert(worker) } else { hungry.remove(worker) }
    }

    func isHungry(_ worker: WorkerID) -> Bool {
        guard let entry = workers[worker] else { return false }
        return !entry.isBehind && entry.shards.count < limits.shardsInFlight
    }

    /// The worker's compute thread has finished something.
    mutating func noteMove(of worker: WorkerID, at now: Duration) {
        workers[worker]?.finishedAt = now
        workers[worker]?.isBehind = false
        noteAppetite(worker)
    }

    // MARK: Stragglers

    /// Gives what waits for a straggler to others, and what it holds to a second worker once that is all the round waits for.
    mutating func relieveStragglers(at now: Duration) -> [Action] {
        guard let age = open?.stragglerAge(limits) else { return [] }
        let stragglers = SortedSet(
            ascending: workers.filter { !$0.value.shards.isEmpty && now - $0.value.busySince > age }
                .map(\.key))
        guard stragglers.count > 0, stragglers.count < workers.count else { return [] }
        for straggler in stragglers.ascending { open?.release(straggler) }
        var actions = dispatch(at: now)
        guard let stuck = open?.stuck(with: stragglers, limits), !stuck.isEmpty else {
            return actions
        }
        // In descending order, so that the next one is last.
        var helpers = hungry.ascending.reversed().filter {
            !stragglers.contains($0) && workers[$0]?.shards.isEmpty == true
        }
        for shard in stuck where !helpers.isEmpty {
            guard let round = open?.round.index, let state = open?.shards[shard],
                let slow = state.holders.first,
                let position = helpers.lastIndex(where: { helper in
                    state.claims.allSatisfy {
                        $0.worker.identity != workers[helper]?.hello.identity
                    }
                })
            else { continue }
            let helper = helpers.remove(at: position)
            actions.append(
                .log(.stragglerDuplicated(round: round, shard: shard, from: slow, to: helper)))
            actions.append(give(shard, to: helper, at: now))
        }
        return actions
    }
}
