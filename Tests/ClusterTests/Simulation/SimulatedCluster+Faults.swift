// SPDX-License-Identifier: Apache-2.0

import Calibration

@testable import Cluster

extension SimulatedCluster {
    private enum Fault: CaseIterable {
        case cutLink, halfOpenLink, muteLink, deafLink, slowLink, stallLink, cutOffHost
        case replayResult
        case crashWorker, stopWorker, freezeWorker, hangWorker, addWorker
        case crashCoordinator
    }

    /// Most workers a run grows to.
    private static let workerLimit = 6

    mutating func causeFault() throws {
        guard isStormy else { return }
        queue.insert(.fault, at: now + random(50...plan.faultGap))
        let worker = random(0...workers.count - 1)
        switch Fault.allCases.randomElement(using: &generator) ?? .cutLink {
        case .cutLink:
            if let link = workers[worker].link { impair(link, .down) }
        case .halfOpenLink:
            if let link = workers[worker].link { impair(link, .halfOpen) }
        case .muteLink:
            if let link = workers[worker].link { impair(link, .mute) }
        case .deafLink:
            if let link = workers[worker].link { impair(link, .deaf) }
        case .slowLink:
            if let link = workers[worker].link { network.slow(link, by: random(100...3_000)) }
        case .stallLink:
            guard let link = workers[worker].link else { return }
            counts.stalls += 1
            network.stall(link, until: now + random(500...8_000))
        case .cutOffHost:
            counts.partitions += 1
            workers[worker].cutOffUntil = now + random(500...10_000)
            if let link = workers[worker].link { impair(link, .halfOpen) }
        case .replayResult:
            replayResult(by: worker)
        case .crashWorker:
            crashWorker(worker)
        case .stopWorker:
            if workers[worker].frozenUntil <= now { try tell(worker, .stop(reason: "SIGTERM")) }
        case .freezeWorker:
            workers[worker].frozenUntil = now + random(100...8_000)
        case .hangWorker:
            if workers[worker].isRunning { workers[worker].hangs = true }
        case .addWorker:
            guard workers.count < Self.workerLimit else { return }
            workers.append(SimulatedWorker(name: workers.count))
            queue.insert(.workerStarts(workers.count - 1), at: now)
        case .crashCoordinator:
            // Less often than the rest: every one throws a round away.
            if chance(0.4) { crashCoordinator() }
        }
    }

    /// Sends a result of this incarnation or an earlier one again.
    mutating func replayResult(by worker: Int) {
        guard let link = workers[worker].link, let round = coordinator?.core.open?.round.index,
            let old = oldResults[worker], !old.isEmpty
        else { return }
        // One of the open round could do the most harm.
        let fitting = old.filter { $0.id.round == round }
        let chosen = (fitting.isEmpty ? old : fitting).randomElement(using: &generator)
        if let chosen { queue.insert(.atCoordinator(link: link, .result(chosen)), at: now) }
    }

    /// Ends a connection, or makes it swallow messages; what is under way on it is lost.
    mutating func impair(_ link: Int, _ state: Link.State) {
        guard let entry = network[link], entry.state != .down else { return }
        counts.cuts += 1
        network.impair(link, state)
        if state == .closing {
            let last = max(now, entry.lastAtCoordinator)
            queue.insert(.closed(link: link), at: last + random(0...300))
        }
        if state != .down { return }
        if coordinator != nil, let number = entry.number {
            queue.insert(.disconnected(number, start: starts), at: now + random(0...300))
        }
        // The socket makes a new connection by itself, or is one of those that never do.
        if entry.worker >= 0, workers[entry.worker].link == link, chance(0.5) {
            workers[entry.worker].link = nil
            awaitConnection(entry.worker)
        }
    }

    /// Puts a message on its way, now and then twice, now and then through the codec.
    mutating func transmit(_ message: Message, on link: Int, atCoordinator: Bool) throws {
        var message = message
        if chance(0.02) { message = try MessageCodec.decode(MessageCodec.encode(message)) }
        let event: Event =
            atCoordinator ? .atCoordinator(link: link, message) : .atWorker(link: link, message)
        let delay = random(0...(isStormy ? plan.maximumDelay : min(plan.maximumDelay, 50)))
        let time = network.arrival(
            on: link, atCoordinator: atCoordinator, now: now,
            delay: delay + (isStormy ? network[link]?.slowness ?? 0 : 0))
        queue.insert(event, at: time)
        guard isStormy, plan.duplicates > 0 else { return }
        if atCoordinator, case .result(let result) = message, let worker = network[link]?.worker,
            worker >= 0
        {
            oldResults[worker, default: []].append(result)
        }
        guard chance(plan.duplicates) else { return }
        counts.replays += 1
        queue.insert(event, at: time + random(0...3_000))
    }
}
