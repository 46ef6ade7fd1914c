// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage

/// What comes back: results, failures, and what to do when two results differ.
extension CoordinatorCore {
    /// Whether a result could be one of the open round. One of another form would end the job when
    /// the round is reduced, long after anybody knows whose it was.
    func hasShape(_ result: ShardResult) -> Bool {
        guard let round = openRound(of: result.id), let shape = open?.context.shape else {
            return true
        }
        return shape.fits(result.payload, images: round.shards[result.id.shard].images.count)
    }

    /// Whether its numbers are such that a computation gives them.
    private func isPlausible(_ result: ShardResult, in round: Round) -> Bool {
        open?.context.shape?.isPlausible(
            result.payload, images: round.shards[result.id.shard].images.count) ?? true
    }

    /// A result whose numbers no computation should give counts when the coordinator has computed
    /// the same.
    mutating func accept(
        _ result: ShardResult, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        workers[worker]?.finishedAt = now
        workers[worker]?.lastHeard = now
        settleDebt(of: worker, result.id)
        guard let account = workers[worker]?.account, let round = openRound(of: result.id),
            result.biases == open?.context.biasDigest
        else { return [.log(.resultIgnored(worker, result.id, .stale))] + dispatch(at: now) }
        let shard = result.id.shard
        let took = release(result.id, from: worker, at: now)
        guard
            let acceptance = open?.accept(
                result.payload, of: shard, attempt: result.id.attempt, from: account, took: took)
        else { return [] }
        var actions: [Action] = []
        switch acceptance {
        case .counted:
            if workers[worker].map(mayWork) == true { open?.setOwner(worker, of: shard) }
            affinity[round.shards[shard].images] = worker
            workers[worker]?.pace.noteAnswer()
            strikeLateHolders(of: shard)
        case .confirmed:
            workers[worker]?.pace.noteAnswer()
        case .duplicate:
            actions = [.log(.resultIgnored(worker, result.id, .duplicate))]
        case .foreign:
            actions = [.log(.resultIgnored(worker, result.id, .foreign))]
        case .disputed:
            let claims = open?.shards[shard].claims.map(\.account) ?? []
            actions = [.log(.resultsDiffer(round: round.index, shard: shard, claims))]
            if let recompute = recompute(shard) { actions.append(recompute) }
        }
        if [.counted, .confirmed].contains(acceptance), !isPlausible(result, in: round) {
            open?.demand(.coordinator, of: shard)
            actions += computeHere(shard, .implausible)
        }
        return actions + dispatch(at: now) + close()
    }

    /// Takes a shard off a worker's list.
    /// - Returns: how long it took, if the worker had it.
    private mutating func release(
        _ id: TaskID, from worker: WorkerID, at now: Duration
    ) -> Duration? {
        let held = Admitted.Held(round: id.round, shard: id.shard, attempt: id.attempt)
        guard let entry = workers[worker], entry.shards.contains(held) else { return nil }
        workers[worker]?.shards.removeAll { $0 == held }
        workers[worker]?.since[id.shard] = nil
        workers[worker]?.busySince = now
        if entry.isLate {
            workers[worker]?.isLate = false
            refreshAppetites()
        } else {
            noteAppetite(worker)
        }
        return now - entry.busySince
    }

    mutating func fail(
        _ id: TaskID, reason: String, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        workers[worker]?.finishedAt = now
        settleDebt(of: worker, id)
        var actions: [Action] = [.log(.shardFailed(worker, id, reason: reason))]
        // An attempt that was given up has been counted already.
        guard let round = openRound(of: id), release(id, from: worker, at: now) != nil else {
            return actions + dispatch(at: now)
        }
        workers[worker]?.pace.strike(in: round.index)
        refreshAppetites()
        let successor = successor(of: worker)
        open?.setOwner(successor, of: id.shard)
        affinity[round.shards[id.shard].images] = successor
        open?.abandon(id.shard, by: worker)
        if let failures = open?.countFailure(of: id.shard), failures >= limits.failures {
            actions += computeHere(id.shard, .failed)
        }
        return actions + dispatch(at: now)
    }

    func fail(_ shard: Int, of round: Round, attempts: Int, reason: String) -> Action {
        .fail(
            CoordinatorFailure(
                round: round.index, shard: round.shards[shard], attempts: attempts,
                reason: reason))
    }

    /// Who tries next what this worker could not compute: the next one that may work; anybody, if
    /// there is none.
    private func successor(of worker: WorkerID) -> WorkerID? {
        let able = workers.filter { mayWork($0.value) }.map(\.key)
        return able.first { $0 > worker } ?? able.first
    }

    // MARK: The coordinator's own results

    /// The coordinator's own result decides.
    mutating func decide(_ id: TaskID, _ payload: [UInt8], at now: Duration) -> [Action] {
        guard openRound(of: id) != nil else { return [] }
        let wasDisputed = open?.shards[id.shard].isDisputed ?? false
        let wasDone = open?.shards[id.shard].isDone ?? false
        let wrong = open?.decide(payload, of: id.shard) ?? []
        if !wasDone { strikeLateHolders(of: id.shard) }
        var actions: [Action] = []
        if let claim = wrong.first, !wasDisputed {
            actions.append(
                .log(.resultsDiffer(round: id.round, shard: id.shard, [claim.account, nil])))
        }
        for account in wrong.compactMap(\.account) {
            actions += shutOut(account, round: id.round, shard: id.shard)
        }
        return actions + dispatch(at: now) + close()
    }

    /// The coordinator cannot compute the shard either. Nobody can, unless somebody has meanwhile.
    mutating func giveUpRecomputing(
        _ id: TaskID, _ reason: String, at now: Duration
    ) -> [Action] {
        guard let round = openRound(of: id), let state = open?.shards[id.shard] else { return [] }
        open?.giveUpRecomputing(id.shard)
        if open?.shards[id.shard].isSettled == true { return dispatch(at: now) + close() }
        return [
            fail(
                id.shard, of: round, attempts: state.failures + 1,
                reason: "on the coordinator: \(reason)")
        ]
    }

    /// Shuts a worker out for good, and everything only it has said with it.
    private mutating func shutOut(_ account: Account, round: Int, shard: Int) -> [Action] {
        guard quarantine.insert(account) else { return [] }
        var actions: [Action] = [.log(.workerQuarantined(account, round: round, shard: shard))]
        let gone = greeted.map(\.value.account) + workers.map(\.value.account)
        for account in gone where quarantine.excludes(account) {
            actions += lose(account.worker, because: .quarantined)
            actions += [
                .send(account.worker, .refusal(reason: refusal(of: account) ?? "")),
                .forget(account.worker),
            ]
        }
        open?.discardClaims(of: account.principal)
        if isResumed || unconfirmed.contains(account.principal) {
            actions += [.log(.startingOver(account)), .startOver]
        }
        return actions
    }
}
