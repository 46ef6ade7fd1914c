// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import Storage
import TestSupport

@testable import Cluster

extension SimulatedCluster {
    mutating func startCoordinator() throws {
        guard coordinator == nil else { return }
        var limits = CoordinatorLimits(
            lease: .milliseconds(plan.bug == .noLease ? 1_000_000_000 : plan.lease),
            shardLease: .milliseconds(plan.bug == .noLease ? 1_000_000_000 : plan.shardLease),
            auditShare: plan.audit)
        // Losses are limited elsewhere: a storm can take the same shard's workers away many times.
        if plan.faultsEnd > 0 { limits.losses = 1_000 }
        var started = try SimulatedCoordinator(simulated, disk: disk, limits: limits)
        guard
            started.job.progress.rounds >= acknowledged - (damage == .checkpoint ? 1 : 0)
                || damage == .statistics || isStartingOver
        else {
            throw failure(
                "round \(acknowledged) was under way, and round \(started.job.progress.rounds) is "
                    + "what the disk knows")
        }
        // What it read may not have reached the disk's depth: it says nothing before it has saved.
        acknowledged = min(acknowledged, started.job.progress.rounds)
        damage = nil
        guard try save(&started) else { return }
        acknowledged = started.job.progress.rounds
        let opening = started.nextRound()
        coordinator = started
        starts += 1
        queue.insert(.coordinatorTick(start: starts), at: now + Self.tick)
        if isStormy, plan.duplicates > 0 {
            for _ in 0..<4 { queue.insert(.replay, at: now + random(0...5_000)) }
        }
        if let opening { try tell(opening) }
    }

    /// Saves, now and then on a disk that fails.
    /// - Returns: false if that ended the process.
    private mutating func save(_ coordinator: inout SimulatedCoordinator) throws -> Bool {
        if isStormy, chance(plan.diskFaults) {
            disk.fault = chance(0.5) ? .crash : .error(28)
            disk.stepsUntilFault = random(0...40)
        }
        do {
            try coordinator.save()
            disk.stepsUntilFault = nil
            guard disk.hasCrashed else { return true }
            // The state was safe; the machine died while it tidied up.
            disk.restart()
            endCoordinator()
            return false
        } catch let error as StorageError {
            if !isStormy || plan.diskFaults == 0 { throw failure("\(error)") }
            counts.diskFaults += 1
            if disk.hasCrashed { disk.restart() }
            disk.stepsUntilFault = nil
            endCoordinator()
            return false
        } catch {
            throw failure("\(error)")
        }
    }

    mutating func crashCoordinator() {
        guard coordinator != nil else { return }
        counts.coordinatorCrashes += 1
        // The machine died with it, or only the process.
        if chance(0.5) { disk.restart() }
        damageCheckpoint()
        endCoordinator()
    }

    /// A bit of the newest checkpoint, or of the statistics, flips while nobody looks.
    private mutating func damageCheckpoint() {
        guard plan.diskFaults > 0, chance(0.2), damage == nil else { return }
        let checkpoints = disk.paths.filter { $0.contains("checkpoint-") }
        guard checkpoints.count >= 2, var path = checkpoints.last else { return }
        damage = .checkpoint
        if chance(0.3), let statistics = disk.paths.first(where: { $0.contains("statistics") }) {
            (path, damage) = (statistics, .statistics)
        }
        counts.damaged += 1
        let position = random(0...1 << 20)
        disk.edit(path) { bytes in
            if !bytes.isEmpty { bytes[position % bytes.count] ^= 1 }
        }
    }

    private mutating func endCoordinator() {
        coordinator = nil
        for (link, entry) in network.links.sorted(by: { $0.key < $1.key })
        where entry.state != .down {
            impair(link, chance(0.2) ? .halfOpen : .down)
        }
        network.reset()
        queue.insert(.coordinatorStarts, at: now + random(50...7_000))
    }

    /// Hands a message to the core; one of an earlier incarnation must change nothing.
    mutating func receive(_ message: Message, from number: WorkerID) throws {
        guard case .result(let result) = message, let core = coordinator?.core,
            result.id.epoch != core.epoch
        else { return try tell(.received(number, message, credentials(of: number))) }
        var passed = result
        if plan.bug == .noEpochCheck { passed.id.epoch = core.epoch }
        let missing = core.open?.missing
        let round = core.open?.round.index
        try tell(.received(number, .result(passed), credentials(of: number)))
        let after = coordinator?.core.open
        guard after?.round.index == round, after?.missing == missing else {
            throw failure("a result of epoch \(result.id.epoch) counts in epoch \(core.epoch)")
        }
    }

    /// What the transport proves of a connection.
    func credentials(of number: WorkerID) -> Credentials {
        guard plan.hasKeys, let link = network.link(of: number), let worker = network[link]?.worker
        else { return .none }
        let isBelieved = plan.bug == .claimedIdentity && worker < 0
        return Credentials(
            key: isBelieved ? "key-1" : worker < 0 ? Self.adversary : "key-\(worker)")
    }

    static let adversary = "adversary"

    /// Whether this is one of those that have to be found out.
    private func isBad(_ account: Account) -> Bool {
        if account.credentials.key == Self.adversary { return counts.lies > 0 }
        guard plan.hasLiar else { return false }
        return plan.hasKeys
            ? account.credentials.key == "key-0" : account.hello.host == "host-0"
    }

    /// Gives the coordinator an event, performs its actions and opens the next round when one is
    /// complete.
    mutating func tell(_ event: CoordinatorCore.Event) throws {
        var next: CoordinatorCore.Event? = event
        while let event = next {
            next = nil
            guard let actions = coordinator?.handle(event, at: now) else { return }
            for action in actions { try perform(action) }
            try checkCoordinator()
            if coordinator?.mustStartOver == true {
                try startOver()
                next = coordinator?.nextRound()
                continue
            }
            if let round = coordinator?.doubted {
                coordinator?.doubted = nil
                next = .unreduced(round: round)
                continue
            }
            guard let results = coordinator?.completed else { continue }
            coordinator?.completed = nil
            if plan.bug == .broadcastBeforeSync {
                next = try finishRoundTooEarly(results)
            } else {
                try finishRound(results)
                next = coordinator?.nextRound()
            }
        }
    }

    private mutating func finishRound(_ results: [[UInt8]]) throws {
        guard var process = coordinator else { return }
        counts.rounds += 1
        let results = plan.bug?.reduce(results, arrivals: process.arrivals) ?? results
        guard results.count == process.job.nextRound?.shards.count else {
            throw failure("round \(process.job.progress.rounds) has \(results.count) results")
        }
        try process.complete(results)
        coordinator = process
        if isStormy, chance(0.05) {
            // The round is done but never became durable: it has to be run again.
            crashCoordinator()
            return
        }
        guard try save(&process) else { return }
        coordinator = process
        if isStormy, chance(0.05) { crashCoordinator() }
    }

    /// The planted bug: the next round is opened, and only then saved what it builds on.
    private mutating func finishRoundTooEarly(
        _ results: [[UInt8]]
    ) throws -> CoordinatorCore.Event? {
        guard var process = coordinator else { return nil }
        try process.complete(results)
        let saved = process
        let opening = process.nextRound()
        coordinator = process
        if let opening, let actions = coordinator?.handle(opening, at: now) {
            for action in actions { try perform(action) }
        }
        var writer = saved
        _ = try save(&writer)
        return nil
    }

    private mutating func startOver() throws {
        counts.startedOver += 1
        guard var process = coordinator else { return }
        let actions = try process.startOver()
        (acknowledged, isStartingOver) = (0, true)
        defer { isStartingOver = false }
        guard try save(&process) else { return }
        coordinator = process
        for action in actions { try perform(action) }
    }

    private mutating func perform(_ action: CoordinatorCore.Action) throws {
        switch action {
        case .send(let number, let message):
            if case .task(let task) = message { acknowledged = max(acknowledged, task.id.round) }
            try send(message, to: number)
        case .sendChunk(let number, let range):
            guard let chunk = coordinator?.chunk(range) else {
                throw failure("\(number) asks for a blob nobody told it of")
            }
            try send(chunk, to: number)
        case .forget(let number):
            network.forget(number)
        case .complete(let round, let results):
            let isRight = results == simulated.rounds[round]
            // Where nobody looks twice, a lie is found when the round makes no sense.
            if !isRight, plan.bug == nil, plan.adversaries > 0, coordinator?.isChecked == false {
                coordinator?.isChecked = true
                coordinator?.doubted = round
                counts.unreduced += 1
                return
            }
            guard plan.bug != nil || isRight else {
                throw failure("round \(round) has other results than the undisturbed run's")
            }
            coordinator?.completed = results
        case .fail(let failed):
            throw failure("the job failed: \(failed)")
        case .log(.workerRefused(let account, let reason)):
            // Without keys honest workers go with the liar, once it has come back too often.
            guard isBad(account) || plan.hasLiar && !plan.hasKeys else {
                throw failure("a worker was refused: \(reason)")
            }
        case .log(.workerQuarantined(let account, _, _)):
            guard isBad(account) else { throw failure("an honest worker was shut out") }
        case .log(.computingHere(_, _, let reason)):
            counts.here += 1
            let isDoubt = [.implausible, .unreduced].contains(reason)
            guard !isDoubt || plan.adversaries > 0 || plan.hasLiar else {
                throw failure("the coordinator doubts right results")
            }
        case .log(.computingAlone):
            counts.alone += 1
        case .recompute(let task):
            let key = SimulatedJob.Key(
                round: task.id.round, shard: task.id.shard,
                biases: Digest.sha256(of: task.biases))
            counts.audited += 1
            queue.insert(
                .recomputed(
                    start: starts,
                    .recomputed(task.id, payload: simulated.results[key] ?? [])),
                at: now + random(1...plan.maximumComputing))
        case .startOver:
            guard plan.hasLiar || plan.adversaries > 0 else {
                throw failure("the job starts over for nothing")
            }
            coordinator?.mustStartOver = true
        case .log(.resultIgnored(_, _, .foreign)):
            counts.foreign += 1
        case .log(.stragglerDuplicated):
            counts.duplicated += 1
        case .log(.resultIgnored):
            counts.ignored += 1
        case .noteMalformed(let number, _):
            counts.misshapen += 1
            guard let link = network.link(of: number), let worker = network[link]?.worker,
                worker < 0 || workers[worker].lies
            else { throw failure("an honest result has another shape than it should") }
        case .log(.workerLost):
            counts.lost += 1
        case .log(.noWorkers):
            counts.lonely += 1
        case .log:
            break
        }
    }

    private mutating func send(_ message: Message, to number: WorkerID) throws {
        guard let link = network.link(of: number), let state = network[link]?.state else { return }
        switch state {
        case .up, .mute:
            try transmit(message, on: link, atCoordinator: false)
        case .halfOpen, .deaf, .closing:
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
                    == core.isHungry(number)
            else { throw failure("\(number)'s appetite is not known") }
            for held in worker.shards {
                guard holders[held.shard, default: []].insert(number).inserted,
                    held.round == round.round.index
                else {
                    throw failure("shard \(held.shard) is held twice by \(number)")
                }
            }
        }
        for (shard, state) in round.shards.enumerated() {
            let known = Set(state.holders)
            guard known == holders[shard, default: []], known.count == state.holders.count,
                known.count <= core.limits.holders
            else {
                throw failure("shard \(shard) is held by others than the round knows")
            }
            let isWaiting = round.queues.isWaiting[shard]
            let owner = round.queues.owners[shard]
            guard !isWaiting || owner.map({ core.workers[$0].map(core.mayWork) == true }) ?? true
            else { throw failure("shard \(shard) waits for somebody who gets nothing") }
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
