// SPDX-License-Identifier: Apache-2.0

/// Losing workers.
extension CoordinatorCore {
    mutating func lose(_ worker: WorkerID, because cause: WorkerLoss) -> [Action] {
        guard let lost = remove(worker) else { return [] }
        open?.forget(worker)
        let shards = lost.shards.map(\.shard)
        let (principal, isKeyless) = (lost.account.principal, lost.account.principal == .keyless)
        // Its next connection goes on where this one ends.
        let count = lost.pace.strikes + (lost.isLate ? 1 : 0)
        if !isKeyless, count > 0 { strikes[principal] = max(strikes[principal] ?? 0, count) }
        for shard in shards { open?.abandon(shard, by: worker) }
        var actions: [Action] = [.log(.workerLost(lost.account, cause, shards: shards.sorted()))]
        // Workers compute in order: the first shard is the one that may have been too much for it,
        // if it has seen it at all.
        if let first = shards.first, cause.mayBeTheShardsFault,
            let since = lost.since[first], lost.lastHeard > since,
            let losses = open?.countLoss(of: first, by: principal)
        {
            actions += conclude(from: losses, of: first, "\(worker) was lost: \(cause)")
        }
        return actions
    }

    /// One key can lose its workers on purpose; different ones do so over a shard that is too much
    /// for them.
    private mutating func conclude(
        from losses: [Principal: Int], of shard: Int, _ reason: String
    ) -> [Action] {
        let total = losses.values.reduce(0, +)
        guard total >= limits.losses, let round = open?.round else { return [] }
        let witnesses = losses.values.count { $0 * 2 >= limits.losses }
        guard losses[.keyless] != nil || witnesses > 1 else { return computeHere(shard, .lost) }
        return [fail(shard, of: round, attempts: total, reason: reason)]
    }

    /// A coordinator that was stopped itself has not heard what was said meanwhile: it is in
    /// nobody's disfavour.
    mutating func forgive(_ pause: Duration) {
        for worker in workers.keys.ascending {
            workers[worker]?.forgive(pause)
        }
    }

    /// Gives up workers that say nothing, and those that only seem to work.
    mutating func expire(at now: Duration) -> [Action] {
        var actions: [Action] = []
        for (worker, entry) in greeted where now - entry.lastHeard > limits.lease {
            actions += lose(worker, because: .leaseExpired) + [.forget(worker)]
        }
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
        let isBusy = !worker.owed.isEmpty || !worker.shards.isEmpty
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
