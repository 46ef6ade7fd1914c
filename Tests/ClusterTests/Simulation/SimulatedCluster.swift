// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import Storage
import TestSupport

@testable import Cluster

/// A coordinator, its workers and the network between them on a virtual clock.
///
/// The protocol cores, the job, blobs and checkpoints are the real ones; processes, connections and
/// time are not.
struct SimulatedCluster {
    enum Event {
        case coordinatorTick(start: Int)
        case coordinatorStarts
        case disconnected(WorkerID, start: Int)
        /// Everything on a connection that its worker closed has arrived.
        case closed(link: Int)
        case atCoordinator(link: Int, Message)
        case atWorker(link: Int, Message)
        case workerTick(Int, life: Int)
        case workerStarts(Int)
        case connectionMade(Int, life: Int, socket: Int)
        case computed(Int, life: Int, WorkerCore.Event)
        case recomputed(start: Int, CoordinatorCore.Event)
        case adversary(Int)
        case replay
        case fault
        case faultsEnd
    }

    static let tick = 200

    let plan: SimulationPlan
    let simulated: SimulatedJob
    var generator: SeededGenerator
    var now = 0
    var queue = EventQueue<Event>()
    var network = SimulatedNetwork()
    var workers: [SimulatedWorker]
    var adversary: SimulatedAdversary
    var coordinator: SimulatedCoordinator?
    /// Counts coordinator processes.
    var starts = 0
    let disk: SimulatedFileSystem
    /// Rounds some worker was told of: everything before them must have been durable.
    var acknowledged = 0
    /// A fresh start is being saved; what is on the disk is from before.
    var isStartingOver = false
    /// A bit was flipped while no coordinator ran.
    var damage: Damage?
    var isStormy = true
    /// Results that were on their way once, by worker.
    var oldResults: [Int: [ShardResult]] = [:]

    enum Damage {
        /// In the newest checkpoint: one round may be lost.
        case checkpoint
        /// In the statistics: the job may start over.
        case statistics
    }

    /// What happened, for the tests of the simulation itself.
    var counts = Counts()

    struct Counts {
        var events = 0
        var rounds = 0
        var coordinatorCrashes = 0
        var workerCrashes = 0
        var cuts = 0
        var stalls = 0
        var partitions = 0
        var replays = 0
        var ignored = 0
        var lost = 0
        var lonely = 0
        var duplicated = 0
        var hung = 0
        var audited = 0
        var quarantined = 0
        var startedOver = 0
        var tricks = 0
        var lies = 0
        var misshapen = 0
        var unreduced = 0
        var foreign = 0
        var here = 0
        var alone = 0
        var diskFaults = 0
        var damaged = 0
    }

    init(_ plan: SimulationPlan) {
        self.plan = plan
        simulated = SimulatedJob.of(plan.variant)
        generator = SeededGenerator(seed: plan.seed ^ 0x5EED)
        disk = SimulatedFileSystem(seed: plan.seed ^ 0xD15C)
        workers = (0..<plan.workers).map { SimulatedWorker(name: $0) }
        if plan.hasLiar { workers[0].lies = true }
        adversary = SimulatedAdversary(connections: plan.adversaries)
    }

    /// Runs the job to its end.
    /// - Returns: the finished job's progress.
    mutating func run() throws -> CalibrationJob.Progress {
        queue.insert(.coordinatorStarts, at: random(0...500))
        for worker in workers.indices {
            queue.insert(.workerStarts(worker), at: random(plan.workersStart))
        }
        for connection in 0..<plan.adversaries {
            queue.insert(.adversary(connection), at: random(0...2_000))
        }
        queue.insert(.fault, at: random(0...plan.faultGap))
        queue.insert(.faultsEnd, at: plan.faultsEnd)
        while let (time, event) = queue.next() {
            now = time
            counts.events += 1
            guard now <= plan.faultsEnd + SimulationPlan.patience else {
                throw failure(
                    "not finished \(SimulationPlan.patience) ms after the last fault, \(situation)")
            }
            try handle(event)
            if let coordinator, coordinator.isFinished {
                guard coordinator.job.progress == simulated.progress else {
                    throw failure("the result differs from the undisturbed run's")
                }
                return coordinator.job.progress
            }
        }
        throw failure("nothing happens any more")
    }

    /// Where the coordinator stands, for a failure's text.
    private var situation: String {
        guard let coordinator else { return "no coordinator" }
        guard let round = coordinator.core.open else { return "no open round" }
        let workers = coordinator.core.workers.map { number, worker in
            "\(number) holds \(worker.shards.map(\.shard))\(worker.owed.isEmpty ? "" : ", behind")"
        }
        return
            "round \(round.round.index): \(round.missing) missing, \(round.unsettled) unsettled, "
            + "\(round.waiting) waiting, audits \(round.audits); \(workers.joined(separator: "; "))"
    }

    mutating func random(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &generator)
    }

    mutating func chance(_ share: Double) -> Bool {
        share > 0 && Double.random(in: 0..<1, using: &generator) < share
    }

    func failure(_ reason: String) -> SimulationFailure {
        SimulationFailure(seed: plan.seed, time: now, reason: reason)
    }

    private mutating func handle(_ event: Event) throws {
        switch event {
        case .coordinatorTick(let start):
            guard coordinator != nil, start == starts else { return }
            try tell(.tick)
            queue.insert(.coordinatorTick(start: start), at: now + Self.tick)
        case .coordinatorStarts:
            try startCoordinator()
        case .disconnected(let number, let start):
            guard start == starts, network.link(of: number) != nil else { return }
            try tell(.disconnected(number))
        case .closed(let link):
            guard network[link]?.state == .closing else { return }
            network.impair(link, .down)
            if let number = network[link]?.number { try tell(.disconnected(number)) }
        case .atCoordinator(let link, let message):
            guard coordinator != nil,
                network[link]?.state.carries(toCoordinator: true) == true,
                let number = network.number(of: link)
            else { return }
            try receive(message, from: number)
        case .atWorker(let link, let message):
            guard network[link]?.state.carries(toCoordinator: false) == true,
                let worker = network[link]?.worker
            else { return }
            guard worker >= 0 else { return adversary.take(message, on: link) }
            guard workers[worker].link == link, !postpone(event, of: worker)
            else { return }
            try tell(worker, .received(message))
        case .workerTick(let worker, let life):
            guard workers[worker].life == life, !postpone(event, of: worker) else { return }
            try tell(worker, .tick)
            queue.insert(.workerTick(worker, life: life), at: now + Self.tick)
        case .workerStarts(let worker):
            if !workers[worker].isRunning { try startWorker(worker) }
        case .connectionMade(let worker, let life, let socket):
            try connect(worker, life: life, socket: socket)
        case .computed(let worker, let life, let outcome):
            guard workers[worker].life == life, !postpone(event, of: worker) else { return }
            workers[worker].computing = nil
            try tell(worker, outcome)
        case .recomputed(let start, let event):
            guard coordinator != nil, start == starts else { return }
            try tell(event)
        case .adversary(let connection):
            try playTrick(connection)
        case .replay:
            replayResult(by: random(0...workers.count - 1))
        case .fault:
            try causeFault()
        case .faultsEnd:
            isStormy = false
            for worker in workers.indices { queue.insert(.workerStarts(worker), at: now) }
        }
    }

    /// A stopped process handles nothing before it is continued.
    private mutating func postpone(_ event: Event, of worker: Int) -> Bool {
        guard workers[worker].frozenUntil > now else { return false }
        queue.insert(event, at: workers[worker].frozenUntil)
        return true
    }
}
