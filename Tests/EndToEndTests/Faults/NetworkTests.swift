// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// A coordinator and workers on different hosts, with keys, and cables that fail.
    @Suite(
        .serialized, .enabled(if: Capabilities.namespaces, "no network namespaces here"),
        .enabled(if: Capabilities.tracing, "ptrace is not permitted here"))
    struct Network {
        let scratch: Scratch
        let out: String
        let keys: Keys

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
            keys = try Keys(in: scratch)
        }

        private func cluster(
            in laboratory: Laboratory, _ flags: [String] = []
        ) throws -> Cluster {
            try Cluster(
                flags: Example.flags(out: out) + flags, endpoint: "tcp://0.0.0.0:5555",
                security: keys.coordinator, on: laboratory.coordinator)
        }

        private func stalledWorker(
            _ index: Int, of cluster: Cluster, in laboratory: Laboratory
        ) throws -> (process: ChildProcess, stall: StoppedThread) {
            let worker = try cluster.stalledWorker(
                security: keys.worker, endpoint: laboratory.endpoint(for: index, port: "5555"),
                on: laboratory.workers[index])
            try cluster.waitForAdmission(of: worker.process)
            return worker
        }

        /// Silent in both directions, in one, in the other, and a pulled cable, all at once: every
        /// worker holds a shard and is given up; every one comes back when its cable is whole.
        @Test func cutAndHealed() throws {
            let laboratory = try Laboratory(workers: 4)
            defer { withExtendedLifetime(laboratory) {} }
            let cluster = try cluster(in: laboratory)
            let workers = try (0..<4).map { try stalledWorker($0, of: cluster, in: laboratory) }
            try laboratory.cut(0)
            try laboratory.cut(1, [.toWorker])
            try laboratory.cut(2, [.toCoordinator])
            try laboratory.setLink(3, up: false)
            for _ in workers {
                let line = try cluster.coordinator.line(containing: "worker lost")
                #expect(
                    line.contains("connection lost") || line.contains("lease expired"), "\(line)")
            }
            try laboratory.heal(0)
            try laboratory.heal(1, [.toWorker])
            try laboratory.heal(2, [.toCoordinator])
            try laboratory.setLink(3, up: true)
            for _ in workers { try cluster.coordinator.line(containing: "worker admitted") }
            for worker in workers { worker.stall.resume() }
            try cluster.expectReference(in: out)
            for worker in workers {
                let pid = "pid=\(worker.process.identifier)"
                let lines = cluster.coordinator.logText.split(separator: "\n")
                    .filter { $0.contains(pid) }
                #expect(lines.contains { $0.contains("worker lost") }, "\(lines)")
                try worker.process.end()
            }
        }

        /// The job does not wait for a worker that is cut off.
        @Test func othersFinishTheJob() throws {
            let laboratory = try Laboratory(workers: 2)
            defer { withExtendedLifetime(laboratory) {} }
            let cluster = try cluster(in: laboratory)
            let (lost, stall) = try stalledWorker(0, of: cluster, in: laboratory)
            try laboratory.cut(0)
            let other = try cluster.worker(
                security: keys.worker, endpoint: laboratory.endpoint(for: 1, port: "5555"),
                on: laboratory.workers[1])
            try cluster.expectReference(in: out)
            // Given up, or overtaken.
            let log = cluster.coordinator.logText
            #expect(log.contains("worker lost") || log.contains("straggler duplicated"), "\(log)")
            #expect(try other.finish().status == 0)
            lost.signal(SIGKILL)
            stall.resume()
            try lost.end()
        }

        @Test func coordinatorRestartedWhileWorkersStay() throws {
            let laboratory = try Laboratory(workers: 2)
            defer { withExtendedLifetime(laboratory) {} }
            let first = try cluster(in: laboratory)
            let workers = try (0..<2).map { try stalledWorker($0, of: first, in: laboratory) }
            try first.coordinator.end()
            let second = try cluster(in: laboratory, ["--resume"])
            for _ in workers { try second.coordinator.line(containing: "worker admitted") }
            for worker in workers { worker.stall.resume() }
            try second.expectReference(in: out, events: "resuming")
            for worker in workers { try worker.process.end() }
        }
    }
}
