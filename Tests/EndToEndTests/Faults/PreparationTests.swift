// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Workers that come and go while a coordinator prepares its job: it waits for its images as
    /// long as a test likes.
    @Suite(.serialized, .enabled(if: Capabilities.shim, "no C compiler is here"))
    struct Preparation {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        /// Environment of a coordinator that gets no image before ``release()``.
        private func holdingImages() throws -> [String: String] {
            try Shim.environment([
                "SHIM_HOLD": scratch.write("", to: "hold"), "SHIM_PATH": Example.images,
            ])
        }

        private func release() throws {
            try FileManager.default.removeItem(atPath: scratch("hold"))
        }

        /// All are served meanwhile, and those that are gone when the job begins are not among
        /// those that get work.
        @Test(arguments: [false, true]) func workersAreServedMeanwhile(hasKeys: Bool) throws {
            let keys = hasKeys ? try Keys(in: scratch) : nil
            let cluster = try Cluster(
                flags: Example.flags(out: out), security: keys?.coordinator ?? [],
                environment: holdingImages())
            let workers = try (0..<12).map { _ in
                try cluster.worker(security: keys?.worker ?? [])
            }
            for _ in workers { try cluster.coordinator.line(containing: "worker waits") }
            for worker in workers[3...] { try worker.end() }
            for _ in workers[3...] {
                try cluster.coordinator.line(containing: "connection closed")
            }
            try release()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
            let lines = outcome.log.split(separator: "\n")
            let admitted = lines.filter { $0.contains("worker admitted") }
            #expect(admitted.count == 3, "\(admitted)")
            let lost = lines.filter { $0.contains("worker lost") && !$0.contains("cause=left") }
            #expect(lost.isEmpty, "\(lost)")
            for worker in workers[..<3] {
                #expect(admitted.contains { $0.contains("pid=\(worker.identifier) ") })
                #expect(try worker.finish().status == 0)
                #expect(!worker.logText.contains("connecting anew"), "\(worker.logText)")
            }
        }

        /// Longer than a worker waits for a sign of life; nobody connects twice.
        @Test func workersWaitForALongTime() throws {
            let cluster = try Cluster(
                flags: Example.flags(out: out), environment: holdingImages())
            let workers = try (0..<2).map { _ in try cluster.worker() }
            for _ in workers { try cluster.coordinator.line(containing: "worker waits") }
            // Counts the time: who started later than they and hears nothing has lost patience.
            let mute = try TCP.listen()
            defer { close(mute.descriptor) }
            let other = try cluster.worker(endpoint: "tcp://127.0.0.1:\(mute.port)")
            try other.line(containing: "connecting anew")
            try release()
            try cluster.expectReference(in: out, events: "worker waits")
            for worker in workers {
                #expect(try worker.finish().status == 0)
                #expect(!worker.logText.contains("connecting anew"), "\(worker.logText)")
            }
            try other.end()
        }

        /// `calibrate` looks after its own workers from the start.
        @Test func localWorkersAreReplacedMeanwhile() throws {
            let coordinator = try ChildProcess(
                ["calibrate", "--workers", "2", "--verbose"] + Example.flags(out: out),
                environment: holdingImages())
            let waiting = try coordinator.line(containing: "worker waits")
            let pid = try #require(waiting.firstMatch(of: /pid=(\d+)/)).output.1
            kill(try #require(Int32(pid)), SIGKILL)
            try coordinator.line(containing: "local worker ended, starting another", "pid=\(pid)")
            try coordinator.line(containing: "worker waits")
            try release()
            let outcome = try coordinator.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }
    }
}
