// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Cluster
import Foundation
import Synchronization
import ZeroMQ

struct WorkersHalf: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers",
        abstract: "Run any number of workers that share one computation, until the job is done.")

    @Option(help: "The coordinator's endpoint.")
    var connect: String

    @Option(help: "Workers.")
    var count: Int

    @Option(help: "Threads that drive them.")
    var threads = 2

    @Option(help: "Secret key, for CURVE.")
    var key: String?

    @Option(help: "The coordinator's public key, for CURVE.")
    var serverKey: String?

    func run() throws {
        ProcessFigures.raiseFileLimit()
        let security: ClientSecurity
        if let key, let serverKey {
            security = .curve(
                try KeyFile.readSecret(key), serverKey: try KeyFile.readPublic(serverKey))
        } else {
            security = .none
        }
        let swarm = Swarm(
            size: count,
            target: WorkerTarget(endpoint: try Endpoint(connect), security: security))
        let failure = Mutex<(any Error)?>(nil)
        let group = DispatchGroup()
        for thread in 0..<threads {
            group.enter()
            let numbers = stride(from: thread, to: count, by: threads).map { $0 }
            let worker = Thread {
                do { try drive(numbers, of: swarm) } catch { failure.withLock { $0 = error } }
                group.leave()
            }
            worker.stackSize = 8 << 20
            worker.start()
        }
        group.wait()
        if let error = failure.withLock({ $0 }) { throw error }
        report([
            "sent": Double(swarm.sent.load(ordering: .relaxed)),
            "received": Double(swarm.received.load(ordering: .relaxed)),
            "processorSeconds": ProcessFigures.processorSeconds,
        ])
    }
}

/// Workers of one libzmq context: its limit is 1,023 sockets, a worker has three, and closed ones
/// linger.
private let workersPerContext = 100

/// Runs workers on the calling thread until all of them have left.
private func drive(_ numbers: [Int], of swarm: Swarm) throws {
    let clock = ContinuousClock()
    let started = clock.now
    var contexts: [Context] = []
    var workers: [SwarmWorker] = []
    for (position, number) in numbers.enumerated() {
        if position % workersPerContext == 0 { contexts.append(try Context()) }
        workers.append(
            try SwarmWorker(
                number: number, of: swarm, contexts[contexts.count - 1], now: clock.now - started))
    }
    var nextTick = clock.now
    while !workers.isEmpty {
        let found = try Poller.poll(
            workers.map { .socket($0.socket) }, timeoutMilliseconds: 50)
        let now = clock.now - started
        for (worker, events) in zip(workers, found) where events.contains(.readable) {
            try worker.receive(at: now)
        }
        if clock.now >= nextTick {
            for worker in workers where worker.exit == nil { try worker.tick(at: now) }
            nextTick = clock.now + .milliseconds(50)
        }
        for worker in workers where worker.exit != nil { try worker.close() }
        workers.removeAll { $0.exit != nil }
    }
}
