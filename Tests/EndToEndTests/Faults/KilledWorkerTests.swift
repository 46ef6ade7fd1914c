// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// Workers that are killed at every stage of a shard.
    @Suite(
        .serialized, .enabled(if: Capabilities.tracing, "ptrace is not permitted here"))
    struct KilledWorkers {
        let scratch: Scratch
        let out: String
        let cluster: Cluster

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
            let config = try Example.patient(in: scratch)
            cluster = try Cluster(flags: Example.flags(out: out, config: config))
        }

        private func expectLost(_ worker: ChildProcess, _ parts: String...) throws {
            let line = try cluster.coordinator.line(
                containing: "worker lost", "pid=\(worker.identifier)")
            for part in parts { #expect(line.contains(part), "\(line)") }
        }

        @Test func idle() throws {
            let busy = try (0..<2).map { _ in try cluster.stalledWorker() }
            for worker in busy { try cluster.waitForAdmission(of: worker.process) }
            // All four shards are out.
            let victim = try cluster.worker()
            try cluster.waitForAdmission(of: victim)
            try victim.end()
            try expectLost(victim, "connection lost", "shards=[]")
            for worker in busy { worker.stall.resume() }
            try cluster.expectReference(in: out)
            for worker in busy { try worker.process.end() }
        }

        @Test func computing() throws {
            let (victim, stall) = try cluster.stalledWorker()
            try cluster.waitForAdmission(of: victim)
            victim.signal(SIGKILL)
            stall.resume()
            try expectLost(victim, "connection lost", "shards=[0, 1]")
            let next = try cluster.worker()
            try cluster.expectReference(in: out)
            #expect(try next.finish().status == 0)
        }

        /// The coordinator gets a part of a result, or all of it and then the end of the
        /// connection.
        @Test(arguments: [1, 40, 0]) func sending(missingBytes: Int) throws {
            // Late, so that the job is not over before anybody looks.
            let proxy = try ChaosProxy(
                to: cluster.port, ChaosProxy.Conditions(delay: 0.02...0.02))
            defer { proxy.stop() }
            let victim = try cluster.worker(endpoint: proxy.endpoint)
            // From here on it has everything it needs.
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            proxy.hold(.toCoordinator)
            // More than heartbeats have.
            try proxy.waitUntilHeld(.toCoordinator, bytes: 200)
            try victim.end()
            proxy.deliverAndCut(.toCoordinator, allBut: missingBytes)
            try expectLost(victim, "connection lost")
            let next = try cluster.worker()
            try cluster.expectReference(in: out)
            #expect(try next.finish().status == 0)
        }

        @Test func askedToStop() throws {
            let (victim, stall) = try cluster.stalledWorker()
            try cluster.waitForAdmission(of: victim)
            victim.signal(SIGTERM)
            try expectLost(victim, "left (SIGTERM)", "shards=[0, 1]")
            stall.resume()
            #expect(try victim.finish().status == 75)
            let next = try cluster.worker()
            try cluster.expectReference(in: out)
            #expect(try next.finish().status == 0)
        }

        @Test func allReplaced() throws {
            let first = try (0..<3).map { _ in try cluster.stalledWorker() }
            for worker in first { try cluster.waitForAdmission(of: worker.process) }
            for worker in first {
                worker.process.signal(SIGKILL)
                worker.stall.resume()
                try expectLost(worker.process, "connection lost")
            }
            let second = try (0..<3).map { _ in try cluster.worker() }
            try cluster.expectReference(in: out)
            // One that was not heard in time waits for another job.
            for worker in second { try worker.end() }
        }
    }
}
