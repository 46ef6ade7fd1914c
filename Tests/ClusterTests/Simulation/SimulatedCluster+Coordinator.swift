import Calibration

@testable import Cluster

extension SimulatedCluster {
    mutating func startCoordinator() throws {
        guard coordinator == nil else { return }
        // Failures are limited elsewhere: a storm can take the same shard's workers away many times.
        var started = try SimulatedCoordinator(
            simulated, disk: disk, lease: .milliseconds(plan.lease), attempts: 1_000)
        try started.save(to: &disk)
        let opening = started.nextRound()
        coordinator = started
        starts += 1
        queue.insert(.coordinatorTick(start: starts), at: now + Self.tick)
        if let opening { try tell(opening) }
    }

    mutating func crashCoordinator() {
        guard coordinator != nil else { return }
        counts.coordinatorCrashes += 1
        coordinator = nil
        for (link, entry) in network.links.sorted(by: { $0.key < $1.key })
        where entry.state != .down {
            cut(link, halfOpen: chance(0.2))
        }
        network.reset()
        queue.insert(.coordinatorStarts, at: now + random(50...7_000))
    }

    /// Gives the coordinator an event, performs its actions and opens the next round when one is complete.
    mutating func tell(_ event: CoordinatorCore.Event) throws {
        var next: CoordinatorCore.Event? = event
        while let event = next {
            next = nil
            guard let actions = coordinator?.handle(event, at: now) else { return }
            for action in actions { try perform(action) }
            try checkCoordinator()
            guard let results = coordinator?.completed else { continue }
            coordinator?.completed = nil
            try finishRound(results)
            next = coordinator?.nextRound()
        }
    }

    private mutating func finishRound(_ results: [[UInt8]]) throws {
        guard let arrivals = coordinator?.arrivals else { return }
        counts.rounds += 1
        try coordinator?.complete(plan.reduction.reduce(results, arrivals: arrivals))
        if isStormy, chance(0.05) {
            // The round is done but never became durable: it has to be run again.
            crashCoordinator()
        } else {
            try coordinator?.save(to: &disk)
            if isStormy, chance(0.05) { crashCoordinator() }
        }
    }

    private mutating func perform(_ action: CoordinatorCore.Action) throws {
        switch action {
        case .send(let number, let message):
            try send(message, to: number)
        case .sendChunk(let number, let range):
            guard let chunk = coordinator?.chunk(range) else {
                throw failure("\(number) asks for a blob nobody told it of")
            }
            try send(chunk, to: number)
        case .forget(let number):
            network.forget(number)
        case .complete(let round, let results):
            guard plan.reduction != .inShardOrder || results == simulated.rounds[round] else {
                throw failure("round \(round) has other results than the undisturbed run's")
            }
            coordinator?.completed = results
        case .fail(let failed):
            throw failure("the job failed: \(failed)")
        case .log(.workerRefused(_, _, let reason)):
            throw failure("a worker was refused: \(reason)")
        case .recompute, .startOver:
            throw failure("the coordinator doubts a result, but all are right")
        case .log(.stragglerDuplicated):
            counts.duplicated += 1
        case .log(.resultIgnored):
            counts.ignored += 1
        case .log(.workerLost):
            counts.lost += 1
        case .log:
            break
        }
    }

    private mutating func send(_ message: Message, to number: WorkerID) throws {
        guard let link = network.link(of: number), let state = network[link]?.state else { return }
        switch state {
        case .up:
            try transmit(message, on: link, atCoordinator: false)
        case .halfOpen:
            break
        case .down:
            // The transport refuses it, which tells the coordinator.
            queue.insert(.disconnected(number, start: starts), at: now)
        }
    }

    // MARK: Safety

    /// What has to hold after every step of the coordinator.
    private func checkCoordinator() throws {
        guard let core = coordinator?.core, let round = core.open else { return }
        var holders: [Int: Set<WorkerID>] = [:]
        for (number, worker) in core.workers {
            // A helper of a straggler may have had its hands full otherwise.
            guard worker.shards.count <= core.limits.shardsInFlight else {
                throw failure("\(number) holds \(worker.shards.count) shards")
            }
            guard
                core.hungry.contains(number)
                    == (!worker.isBehind && worker.shards.count < core.limits.shardsInFlight)
            else { throw failure("\(number)'s appetite is not known") }
            for held in worker.shards {
                guard holders[held.shard, default: []].insert(number).inserted else {
                    throw failure("shard \(held.shard) is held twice by \(number)")
                }
            }
        }
        for (shard, state) in round.shards.enumerated() {
            let known = Set(state.holders)
            guard known == holders[shard, default: []], known.count == state.holders.count,
                known.count <= 2
            else {
                throw failure("shard \(shard) is held by others than the round knows")
            }
            let isWaiting = round.queues.isWaiting[shard]
            if state.isDone {
                if isWaiting { throw failure("shard \(shard) is done and waiting") }
                guard
                    state.isSettled || !known.isEmpty || state.isQueuedForAudit
                        || state.isRecomputing
                else { throw failure("shard \(shard) will never be settled") }
            } else if isWaiting != (known.isEmpty && !state.isRecomputing) {
                throw failure(
                    "shard \(shard) is \(isWaiting ? "waiting and held" : "missing and with nobody")"
                )
            }
        }
        guard round.missing == round.shards.count(where: { !$0.isDone }),
            round.unsettled == round.shards.count(where: { !$0.isSettled }),
            round.waiting == round.queues.isWaiting.count(where: { $0 })
        else { throw failure("the round's counts are wrong") }
    }
}
