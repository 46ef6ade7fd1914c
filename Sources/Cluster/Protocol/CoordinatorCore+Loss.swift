/// Losing workers.
extension CoordinatorCore {
    mutating func lose(_ worker: WorkerID, because cause: WorkerLoss) -> [Action] {
        guard let lost = workers.removeValue(forKey: worker) else { return [] }
        hungry.remove(worker)
        open?.forget(worker)
        let shards = lost.shards.map(\.shard)
        var actions: [Action] = [
            .log(.workerLost(worker, lost.hello, cause, shards: shards.sorted()))
        ]
        for shard in shards { open?.abandon(shard, by: worker) }
        // Workers compute in order: the first shard is the one that may have been too much for it.
        if let first = shards.first, cause.mayBeTheShardsFault,
            let losses = open?.countLoss(of: first), losses >= limits.losses,
            let round = open?.round
        {
            actions.append(
                fail(
                    first, of: round, attempts: losses, reason: "\(worker) was lost: \(cause)"))
        }
        return actions
    }

    /// A coordinator that was stopped itself has not heard what was said meanwhile: it is in nobody's disfavour.
    mutating func forgive(_ pause: Duration) {
        for worker in workers.keys.ascending {
            workers[worker]?.lastHeard += pause
            workers[worker]?.busySince += pause
            workers[worker]?.finishedAt += pause
        }
    }

    /// Gives up workers that say nothing, and those that only seem to work.
    mutating func expire(at now: Duration) -> [Action] {
        var actions: [Action] = []
        for worker in workers.keys.ascending {
            guard let entry = workers[worker], let cause = expiry(of: entry, at: now) else {
                continue
            }
            actions += lose(worker, because: cause)
            actions += [
                .send(worker, .goodbye(reason: cause.description, isFinished: false)),
                .forget(worker),
            ]
        }
        return actions
    }

    private func expiry(of worker: Admitted, at now: Duration) -> WorkerLoss? {
        if now - worker.lastHeard > limits.lease { return .leaseExpired }
        let isBusy = worker.isBehind || !worker.shards.isEmpty
        let since = max(worker.busySince, worker.finishedAt)
        return isBusy && now - since > limits.shardLease ? .computeHung : nil
    }
}

extension WorkerLoss {
    fileprivate var mayBeTheShardsFault: Bool {
        switch self {
        case .disconnected, .leaseExpired, .computeHung: true
        case .left, .greetedAgain, .malformed, .keyRevoked, .quarantined: false
        }
    }
}
