import Calibration
import Storage

/// What comes back: results, failures, and what to do when two results differ.
extension CoordinatorCore {
    mutating func accept(
        _ result: ShardResult, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        noteMove(of: worker, at: now)
        guard let hello = workers[worker]?.hello, let round = openRound(of: result.id),
            result.biases == open?.context.biasDigest
        else {
            return [.log(.resultIgnored(worker, result.id, reason: "stale"))] + dispatch(at: now)
        }
        let shard = result.id.shard
        let took = release(shard, from: worker, at: now)
        guard
            let acceptance = open?.accept(
                result.payload, of: shard, from: worker, hello, took: took)
        else { return [] }
        var actions: [Action] = []
        switch acceptance {
        case .counted:
            open?.setOwner(worker, of: shard)
            affinity[round.shards[shard].images] = worker
        case .confirmed:
            break
        case .duplicate:
            actions = [.log(.resultIgnored(worker, result.id, reason: "duplicate"))]
        case .disputed:
            let claims = open?.shards[shard].claims.map(\.worker) ?? []
            actions = [.log(.resultsDiffer(round: round.index, shard: shard, claims))]
            if let recompute = recompute(shard) { actions.append(recompute) }
        }
        return actions + dispatch(at: now) + close()
    }

    /// Takes a shard off a worker's list.
    /// - Returns: how long it took, if the worker had it.
    private mutating func release(
        _ shard: Int, from worker: WorkerID, at now: Duration
    ) -> Duration? {
        guard let entry = workers[worker], entry.holds(shard) else { return nil }
        workers[worker]?.shards.removeAll { $0.shard == shard }
        workers[worker]?.busySince = now
        noteAppetite(worker)
        return now - entry.busySince
    }

    mutating func fail(
        _ id: TaskID, reason: String, from worker: WorkerID, at now: Duration
    ) -> [Action] {
        noteMove(of: worker, at: now)
        var actions: [Action] = [.log(.shardFailed(worker, id, reason: reason))]
        // An attempt that was given up has been counted already.
        guard let round = openRound(of: id),
            workers[worker]?.shards.contains(.init(shard: id.shard, attempt: id.attempt)) == true
        else { return actions + dispatch(at: now) }
        _ = release(id.shard, from: worker, at: now)
        let successor = successor(of: worker)
        open?.setOwner(successor, of: id.shard)
        affinity[round.shards[id.shard].images] = successor
        open?.abandon(id.shard, by: worker)
        if let failures = open?.countFailure(of: id.shard), failures >= limits.failures {
            actions.append(fail(id.shard, of: round, attempts: failures, reason: reason))
        }
        return actions + dispatch(at: now)
    }

    func fail(_ shard: Int, of round: Round, attempts: Int, reason: String) -> Action {
        .fail(
            CoordinatorFailure(
                round: round.index, shard: round.shards[shard], attempts: attempts,
                reason: reason))
    }

    /// Who tries next what this worker could not compute: another one, if there is another.
    private func successor(of worker: WorkerID) -> WorkerID? {
        workers.keys.next(after: worker) ?? workers.keys.first
    }

    // MARK: Wrong bits

    /// The coordinator's own result decides.
    mutating func decide(_ id: TaskID, _ payload: [UInt8], at now: Duration) -> [Action] {
        guard openRound(of: id) != nil else { return [] }
        let wasDisputed = open?.shards[id.shard].isDisputed ?? false
        let wrong = open?.decide(payload, of: id.shard) ?? []
        var actions: [Action] = []
        if let claim = wrong.first, !wasDisputed {
            actions.append(
                .log(
                    .resultsDiffer(
                        round: id.round, shard: id.shard, [claim.worker, .coordinator])))
        }
        for claim in wrong {
            actions += quarantine(claim.worker, round: id.round, shard: id.shard)
        }
        return actions + dispatch(at: now) + close()
    }

    /// Shuts a worker out for good, and everything only it has said with it.
    private mutating func quarantine(_ hello: Hello, round: Int, shard: Int) -> [Action] {
        guard quarantined.updateValue(hello, forKey: hello.identity) == nil else { return [] }
        var actions: [Action] = [
            .log(.workerQuarantined(hello, round: round, shard: shard))
        ]
        for worker in workers.keys.ascending
        where workers[worker]?.hello.identity == hello.identity {
            actions += lose(worker, because: .quarantined)
            actions += [
                .send(worker, .refusal(reason: refusal(of: hello) ?? "")), .forget(worker),
            ]
        }
        open?.discardClaims(of: hello.identity)
        if isResumed || unconfirmed.contains(hello.identity) {
            actions += [.log(.startingOver(hello)), .startOver]
        }
        return actions
    }
}
