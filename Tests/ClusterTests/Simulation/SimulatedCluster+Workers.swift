// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import Storage

@testable import Cluster

extension SimulatedCluster {
    mutating func startWorker(_ worker: Int) throws {
        workers[worker].start(name: worker)
        queue.insert(.workerTick(worker, life: workers[worker].life), at: now + Self.tick)
        try openSocket(worker)
    }

    mutating func crashWorker(_ worker: Int) {
        guard workers[worker].isRunning else { return }
        counts.workerCrashes += 1
        if let link = workers[worker].link { impair(link, chance(0.3) ? .halfOpen : .down) }
        workers[worker].end()
        queue.insert(.workerStarts(worker), at: now + random(100...6_000))
    }

    /// What the driver does for a fresh socket: the core greets at once, the transport connects
    /// when it can.
    private mutating func openSocket(_ worker: Int) throws {
        if let link = workers[worker].link { impair(link, chance(0.5) ? .closing : .down) }
        workers[worker].openSocket()
        awaitConnection(worker)
        try tell(worker, .connected)
    }

    func connectionEvent(_ worker: Int) -> Event {
        .connectionMade(worker, life: workers[worker].life, socket: workers[worker].socket)
    }

    mutating func awaitConnection(_ worker: Int) {
        queue.insert(connectionEvent(worker), at: now + random(1...isStormyLimit(2_000)))
    }

    private func isStormyLimit(_ stormy: Int) -> Int { isStormy ? stormy : 100 }

    mutating func connect(_ worker: Int, life: Int, socket: Int) throws {
        guard workers[worker].isRunning, workers[worker].life == life,
            workers[worker].socket == socket, workers[worker].link == nil
        else { return }
        guard coordinator != nil, workers[worker].cutOffUntil <= now else {
            queue.insert(connectionEvent(worker), at: now + random(100...1_000))
            return
        }
        let link = network.open(worker: worker)
        workers[worker].link = link
        let waiting = workers[worker].outbox
        workers[worker].outbox = []
        for message in waiting { try transmit(message, on: link, atCoordinator: true) }
    }

    mutating func tell(_ worker: Int, _ event: WorkerCore.Event) throws {
        guard workers[worker].isRunning else { return }
        for action in workers[worker].handle(event, at: now) {
            switch action {
            case .send(let message):
                try send(message, from: worker)
            case .compute(let request):
                try compute(request, on: worker)
            case .reconnect:
                try openSocket(worker)
                return
            case .exit(let reason):
                try leave(worker, reason)
                return
            case .disconnect:
                throw failure("worker \(worker) rests though no handshake failed")
            case .log:
                break
            }
        }
    }

    private mutating func leave(_ worker: Int, _ reason: WorkerExit) throws {
        switch reason {
        case .stopped, .hung: break
        case .refused where workers[worker].lies: counts.quarantined += 1
        case .refused where plan.hasLiar && !plan.hasKeys: break
        case .refused, .rejected, .finished: throw failure("worker \(worker) left: \(reason)")
        }
        // Its goodbye is under way: the connection stays until it has arrived.
        workers[worker].end()
        queue.insert(.workerStarts(worker), at: now + random(100...6_000))
    }

    private mutating func send(_ message: Message, from worker: Int) throws {
        guard let link = workers[worker].link else {
            workers[worker].outbox.append(message)
            return
        }
        if network[link]?.state.carries(toCoordinator: true) == true {
            try transmit(message, on: link, atCoordinator: true)
        }
    }

    // MARK: Computing

    private mutating func compute(_ request: ComputeRequest, on worker: Int) throws {
        let task = request.task
        guard workers[worker].computing == nil else {
            throw failure("worker \(worker) computes two shards at a time")
        }
        guard Digest.sha256(of: request.network) == task.network,
            request.quantized.map({ Digest.sha256(of: $0) }) == task.quantized,
            request.images.map({ Digest.sha256(of: $0) }) == task.images.map(\.reference.digest),
            request.targets.map({ Digest.sha256(of: $0) }) == task.images.compactMap(\.target)
        else { throw failure("worker \(worker) computes with other blobs than its task names") }
        workers[worker].computing = task.id
        let biases = Digest.sha256(of: task.biases)
        let key = SimulatedJob.Key(round: task.id.round, shard: task.id.shard, biases: biases)
        guard var payload = simulated.results[key] else {
            throw failure("round \(task.id.round) has other biases than the undisturbed run's")
        }
        if workers[worker].hangs {
            counts.hung += 1
            return
        }
        if workers[worker].lies, !payload.isEmpty {
            // Bad memory: every process of the host gets other bits wrong.
            payload[payload.count / 2] ^= 1 << UInt8(workers[worker].life % 8)
        }
        let outcome: WorkerCore.Event =
            isStormy && chance(plan.failures)
            ? .failed(task.id, reason: "out of memory")
            : .computed(task.id, biases: biases, payload: payload)
        queue.insert(
            .computed(worker, life: workers[worker].life, outcome),
            at: now + random(1...isStormyLimit(plan.maximumComputing)))
    }
}
