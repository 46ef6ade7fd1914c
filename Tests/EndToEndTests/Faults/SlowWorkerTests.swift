// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Workers that live and do not get on.
    @Suite(.serialized) struct SlowWorkers {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        /// Runs for a tenth of every second, and stops while it holds shards.
        @Test func tenTimesSlower() throws {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let slow = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            let brake = Brake(slow)
            let fast = try cluster.worker()
            try cluster.expectReference(in: out, events: "straggler duplicated")
            brake.release()
            try slow.end()
            try fast.end()
        }

        /// Both sides think the other is gone; its workers stay.
        @Test(.enabled(if: Capabilities.tracing, "ptrace is not permitted here"))
        func theCoordinatorIsStoppedAndContinued() throws {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let (worker, stall) = try cluster.stalledWorker()
            try worker.line(containing: "welcomed")
            let process = "pid=\(worker.identifier)"
            try cluster.coordinator.line(containing: "worker admitted", process)
            cluster.coordinator.signal(SIGSTOP)
            try worker.line(containing: "no word from the coordinator, connecting anew")
            cluster.coordinator.signal(SIGCONT)
            try cluster.coordinator.line(containing: "worker admitted", process)
            stall.resume()
            try cluster.expectReference(in: out)
            #expect(try worker.finish().status == 0)
        }

        @Test(.enabled(if: Capabilities.tracing, "ptrace is not permitted here"))
        func stragglersAreDuplicated() throws {
            // Eight shards: two of a stalled worker are a quarter.
            let config = try Example.patient(in: scratch)
            let cluster = try Cluster(
                flags: Example.flags(out: out, config: config, images: 16))
            let (slow, stall) = try cluster.stalledWorker()
            try cluster.waitForAdmission(of: slow)
            let fast = try cluster.worker()
            try cluster.coordinator.line(containing: "straggler duplicated", "round=0", "shard=")
            try cluster.expectReference(in: out, Results.referenceWide.get())
            stall.resume()
            try slow.end()
            try fast.end()
        }

        @Test(.enabled(if: Capabilities.tracing, "ptrace is not permitted here"))
        func hungComputeIsNoticedByLease() throws {
            let config = try Example.configuration(
                [
                    "  lease_seconds: 2.5": "  lease_seconds: 30",
                    "shard_lease_seconds: 60": "shard_lease_seconds: 2",
                ], in: scratch)
            let cluster = try Cluster(flags: Example.flags(out: out, config: config))
            let (hung, stall) = try cluster.stalledWorker()
            let line = try cluster.coordinator.line(
                containing: "worker lost", "pid=\(hung.identifier)")
            #expect(line.contains("compute hung"), "\(line)")
            // It ends by itself as soon as the kernel lets go of its thread.
            stall.resume()
            #expect(try hung.finish().status == 75)
            let next = try cluster.worker()
            try cluster.expectReference(in: out)
            #expect(try next.finish().status == 0)
        }
    }
}

/// Stops and continues a process so that it runs a tenth of the time.
private final class Brake: Sendable {
    private let process: ChildProcess
    private let stopping = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    init(_ process: ChildProcess) {
        self.process = process
        Thread.detachNewThread { [stopping, stopped] in
            var isStopping = false
            while !isStopping {
                process.signal(SIGSTOP)
                isStopping = stopping.wait(timeout: .now() + 0.9) == .success
                process.signal(SIGCONT)
                if !isStopping { usleep(100_000) }
            }
            stopped.signal()
        }
    }

    func release() {
        stopping.signal()
        stopped.wait()
    }
}
