// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension EndToEnd {
    /// Disks that are full, that fail, that forget.
    @Suite(.serialized) struct Disks {
        let scratch: Scratch

        init() throws { scratch = try Scratch() }

        private func resume(_ out: String) throws -> ChildProcess.Outcome {
            try ChildProcess.run(
                ["calibrate", "--resume", "--workers", "1", "--verbose"] + Example.flags(out: out))
        }

        private func expectResumed(
            _ out: String, events: String..., at location: SourceLocation = #_sourceLocation
        ) throws {
            let outcome = try resume(out)
            #expect(outcome.status == 0, "\(outcome.log)", sourceLocation: location)
            for event in events + ["resuming"] {
                #expect(
                    outcome.log.contains(event), "'\(event)' in: \(outcome.log)",
                    sourceLocation: location)
            }
            #expect(try Results(in: out) == Results.reference.get(), sourceLocation: location)
        }

        /// Stops a job after its first rounds and returns the folder of its checkpoints.
        private func interrupted(_ out: String) throws -> String {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let worker = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=4 ")
            try cluster.coordinator.hasSaved(rounds: 4)
            try cluster.coordinator.end()
            try worker.end()
            return out + "/checkpoint"
        }

        // MARK: Full

        @Test(.enabled(if: Capabilities.mounts, "no tmpfs can be mounted here"))
        func fullAtACheckpoint() throws {
            let disk = try SmallDisk(kibibytes: 4096)
            let out = disk.path + "/out"
            let cluster = try Cluster(flags: Example.flags(out: out))
            // Its first checkpoint exists when it listens to workers and waits for the first shard.
            try cluster.coordinator.line(containing: "round opened", "round=0 ")
            try disk.fill()
            let worker = try cluster.worker()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 73, "\(outcome.log)")
            #expect(
                outcome.log.contains(out) && outcome.log.contains("free space"), "\(outcome.log)")
            try worker.end()
            disk.makeSpace()
            try withExtendedLifetime(disk) { try expectResumed(out) }
        }

        @Test(.enabled(if: Capabilities.mounts, "no tmpfs can be mounted here"))
        func fullAtTheResults() throws {
            let disk = try SmallDisk(kibibytes: 4096)
            let out = disk.path + "/out"
            let cluster = try Cluster(flags: Example.flags(out: out))
            try cluster.coordinator.line(containing: "round opened", "round=0 ")
            // Enough for three checkpoints and statistics, not for model and ledger too.
            try disk.fill(leaving: 300 << 10)
            let worker = try cluster.worker()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 73, "\(outcome.log)")
            #expect(outcome.log.contains("round=27"), "\(outcome.log)")
            #expect(outcome.log.contains(out), "\(outcome.log)")
            try worker.end()
            disk.makeSpace()
            try withExtendedLifetime(disk) { try expectResumed(out) }
        }

        /// The folder holds another job's model, and what is written beside the new one must not
        /// make it pass for this job's.
        @Test(.enabled(if: Capabilities.mounts, "no tmpfs can be mounted here"))
        func fullAtTheResultsOfALaterJob() throws {
            let disk = try SmallDisk(kibibytes: 4096)
            let out = disk.path + "/out"
            let first = try ChildProcess.run(
                ["calibrate", "--workers", "1"] + Example.flags(out: out, images: 6))
            #expect(first.status == 0, "\(first.log)")
            let cluster = try Cluster(flags: Example.flags(out: out))
            try cluster.coordinator.line(containing: "round opened", "round=0 ")
            // Enough for checkpoints, not for the new model beside the old one.
            try disk.fill(leaving: 150 << 10)
            let worker = try cluster.worker()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.log.contains("round=27"), "\(outcome.log)")
            #expect(outcome.status == 73, "\(outcome.log)")
            try worker.end()
            let status = try ChildProcess.run("status", out)
            #expect(status.output.contains("interrupted"), "\(status.output)")
            disk.makeSpace()
            try withExtendedLifetime(disk) { try expectResumed(out) }
        }

        // MARK: Failing

        @Test(.enabled(if: Capabilities.shim, "no C compiler is here"))
        func failingSynchronization() throws {
            let out = scratch("out")
            let cluster = try Cluster(
                flags: Example.flags(out: out),
                environment: try Shim.environment(["SHIM_FSYNC": scratch("fsync")]))
            try cluster.coordinator.line(containing: "round opened", "round=0 ")
            try scratch.write("", to: "fsync")
            let worker = try cluster.worker()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 73, "\(outcome.log)")
            #expect(
                outcome.log.contains(out + "/checkpoint") && outcome.log.contains("synchronize"),
                "\(outcome.log)")
            try worker.end()
            try expectResumed(out)
        }

        @Test(.enabled(if: Capabilities.shim, "no C compiler is here"))
        func killedAtEveryStepOfACheckpoint() throws {
            let out = scratch("out")
            // Removing a leftover, creating, writing, fsync, rename, fsync of the folder; then the
            // next checkpoint's. Every incarnation dies a step later in its work than the one
            // before.
            for step in 1...14 {
                let process = try ChildProcess(
                    ["calibrate", "--resume", "--workers", "1", "--quiet"]
                        + Example.flags(out: out),
                    environment: try Shim.environment([
                        "SHIM_KILL": "\(step)", "SHIM_PATH": "/checkpoint",
                    ]))
                #expect(try process.finish().status == -SIGKILL)
            }
            try expectResumed(out)
        }

        // MARK: Forgetting

        private func newestCheckpoint(in folder: String) throws -> String {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            return folder + "/"
                + (try #require(names.filter { $0.hasPrefix("checkpoint-") }.max()))
        }

        @Test func aFlippedBit() throws {
            let out = scratch("out")
            let file = try newestCheckpoint(in: try interrupted(out))
            var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            bytes[bytes.count * 2 / 3] ^= 4
            try bytes.write(to: URL(fileURLWithPath: file))
            try expectResumed(out, events: file, "checkpoint damaged")
        }

        @Test func aTruncatedFile() throws {
            let out = scratch("out")
            let file = try newestCheckpoint(in: try interrupted(out))
            #expect(truncate(file, 1_000) == 0)
            try expectResumed(out, events: file, "checkpoint damaged")
        }

        @Test func aDamagedStatisticsFile() throws {
            let out = scratch("out")
            let file = try interrupted(out) + "/statistics.safetensors"
            #expect(truncate(file, 1_000) == 0)
            try expectResumed(out, events: file, "statistics unusable, computing them again")
        }
    }
}
