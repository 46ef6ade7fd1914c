// SPDX-License-Identifier: Apache-2.0

import Calibration

/// Handing out shards. Order is fixed by worker numbers and shard indices.
extension CoordinatorCore {
    /// Fills every worker up to its limit.
    mutating func dispatch(at now: Duration) -> [Action] {
        guard open?.hasWork == true else { return [] }
        var actions = confirmHere() + computeAlone()
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
        guard let principal = workers[worker]?.account.principal else { return nil }
        return open?.nextAudit(for: principal)
    }

    /// Where nobody with another key may work, the coordinator gives the second opinion.
    private mutating func confirmHere() -> [Action] {
        guard open?.audits.isEmpty == false else { return [] }
        let able = workers.lazy.map(\.value).filter(mayWork)
        let principals = Set(able.map(\.account.principal))
        let shards = open?.takeAudits(beyond: principals) ?? []
        return shards.compactMap { recompute($0) }
    }

    /// A few at a time, so that workers that come after all find something to do.
    private mutating func computeAlone() -> [Action] {
        var actions: [Action] = []
        while isAlone, let count = open?.recomputing, count < limits.shardsHere,
            let shard = open?.nextFree(), let action = recompute(shard)
        {
            actions.append(action)
        }
        return actions
    }

    mutating func recompute(_ shard: Int) -> Action? {
        guard open?.shards[shard].isRecomputing == false,
            let task = open?.assign(shard, to: nil, job: job, epoch: epoch)
        else { return nil }
        return .recompute(task)
    }

    /// The coordinator computes a shard, and says why.
    mutating func computeHere(_ shard: Int, _ reason: ComputingHere) -> [Action] {
        guard let round = open?.round.index, let action = recompute(shard) else { return [] }
        return [.log(.computingHere(round: round, shard: shard, reason)), action]
    }

    private mutating func give(_ shard: Int, to worker: WorkerID, at now: Duration) -> Action {
        guard let principal = workers[worker]?.account.principal,
            let task = open?.assign(shard, to: (worker, principal), job: job, epoch: epoch)
        else { preconditionFailure("no round is open, or nobody is there") }
        if workers[worker]?.shards.isEmpty == true { workers[worker]?.busySince = now }
        workers[worker]?.shards.append(
            .init(round: task.id.round, shard: shard, attempt: task.id.attempt))
        workers[worker]?.since[shard] = now
        affinity[task.images.map(\.position)] = worker
        noteAppetite(worker)
        return .send(worker, .task(task))
    }

    /// Keeps ``hungry`` right; to be called after every change of a worker.
    mutating func noteAppetite(_ worker: WorkerID) {
        if isHungry(worker) { hungry.insert(worker) } else { hungry.remove(worker) }
    }

    /// The worker answers a task of an earlier round: it is not at one any more.
    mutating func settleDebt(of worker: WorkerID, _ id: TaskID) {
        let task = Admitted.Held(round: id.round, shard: id.shard, attempt: id.attempt)
        guard workers[worker]?.owed.contains(task) == true else { return }
        workers[worker]?.owed = []
        refreshAppetites()
    }

    // MARK: Stragglers

    /// How long a shard may take before its worker counts as a straggler. Sooner where it has been
    /// one before.
    private func stragglerAge(of worker: Admitted) -> Duration {
        guard let median = open?.medianDuration ?? earlierMedian else {
            // Workers without keys may share this machine, where a second computation slows the
            // first.
            return worker.account.principal == .keyless
                ? limits.firstStragglerAge : limits.stragglerAge
        }
        return max(
            median * limits.stragglerFactor,
            limits.stragglerAge / (1 << min(worker.pace.strikes, 4)))
    }

    /// Gives what waits for a straggler to others, and what it holds to a further worker once that
    /// is all the round waits for; to the coordinator if there is no other.
    mutating func relieveStragglers(at now: Duration) -> [Action] {
        guard open != nil else { return [] }
        let stragglers = SortedSet(
            ascending: workers.filter { _, worker in
                !worker.shards.isEmpty && now - worker.busySince > stragglerAge(of: worker)
            }.map(\.key))
        guard stragglers.count > 0 else { return [] }
        // Where all take long, nobody is slow.
        let areOthersThere = stragglers.count < workers.count
        var actions: [Action] = []
        if areOthersThere {
            noteLate(stragglers)
            for straggler in stragglers.ascending { open?.release(straggler) }
            actions = dispatch(at: now)
        }
        guard let stuck = open?.stuck(with: stragglers, share: limits.stragglerShare) else {
            return actions
        }
        for shard in stuck {
            actions +=
                areOthersThere
                ? help(with: shard, besides: stragglers, at: now)
                : helpOut(with: shard, after: limits.shardLease, at: now)
        }
        return actions
    }

    private mutating func noteLate(_ stragglers: SortedSet<WorkerID>) {
        let fresh = stragglers.ascending.filter { workers[$0]?.isLate == false }
        guard !fresh.isEmpty else { return }
        for worker in fresh { workers[worker]?.isLate = true }
        refreshAppetites()
    }

    private mutating func help(
        with shard: Int, besides stragglers: SortedSet<WorkerID>, at now: Duration
    ) -> [Action] {
        guard let round = open?.round.index, let slow = open?.shards[shard].holders.first else {
            return []
        }
        let candidates = workers.keys.ascending.filter {
            !stragglers.contains($0) && canHelp($0, with: shard)
        }
        let others = candidates.filter { !isHeld(shard, by: workers[$0]?.account.principal) }
        let order = others + candidates
        guard let helper = order.first(where: hungry.contains) ?? order.first else {
            let age = workers[slow].map(stragglerAge) ?? limits.stragglerAge
            return helpOut(
                with: shard, after: min(age * limits.overdueFactor, limits.shardLease), at: now)
        }
        return [
            .log(.stragglerDuplicated(round: round, shard: shard, from: slow, to: helper)),
            give(shard, to: helper, at: now),
        ]
    }

    private func canHelp(_ helper: WorkerID, with shard: Int) -> Bool {
        guard let worker = workers[helper], worker.shards.isEmpty, worker.owed.isEmpty,
            let state = open?.shards[shard], state.holders.count < limits.holders
        else { return false }
        let principal = worker.account.principal
        guard open?.isFresh(principal, for: shard) == true else { return false }
        // One key's connections may all be slow together.
        return state.holders.count == 1 || principal == .keyless
            || !isHeld(shard, by: principal)
    }

    private func isHeld(_ shard: Int, by principal: Principal?) -> Bool {
        open?.shards[shard].holders.contains { workers[$0]?.account.principal == principal }
            ?? false
    }

    /// The coordinator computes what every holder has had for so long.
    private mutating func helpOut(
        with shard: Int, after age: Duration, at now: Duration
    ) -> [Action] {
        guard let state = open?.shards[shard],
            let latest = state.holders.compactMap({ workers[$0]?.since[shard] }).max(),
            now - latest > age, open.map({ $0.recomputing < limits.shardsHere }) == true
        else { return [] }
        return computeHere(shard, .overdue)
    }

    /// Somebody else has done what these workers hold.
    mutating func strikeLateHolders(of shard: Int) {
        guard let round = open?.round.index else { return }
        let late = (open?.shards[shard].holders ?? []).filter { workers[$0]?.isLate == true }
        for worker in late { workers[worker]?.pace.strike(in: round) }
        if !late.isEmpty { refreshAppetites() }
    }
}
