// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// Coordinators that die, are stopped, or come twice.
    @Suite(.serialized) struct Coordinators {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        /// Leaves an unfinished job behind whose rounds before `round` are done.
        private func interrupt(before round: Int, by signal: Int32 = SIGKILL) throws -> ChildProcess
        {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let worker = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=\(round) ")
            worker.signal(SIGSTOP)
            cluster.coordinator.signal(signal)
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == (signal == SIGKILL ? -SIGKILL : 75), "\(outcome.log)")
            try worker.end()
            return cluster.coordinator
        }

        private func resume(_ extra: [String] = []) throws -> ChildProcess.Outcome {
            try ChildProcess.run(
                ["calibrate", "--resume", "--workers", "2"] + Example.flags(out: out) + extra)
        }

        @Test(arguments: [0, 1, 4, 20])
        func killedAndResumed(round: Int) throws {
            _ = try interrupt(before: round)
            let outcome = try resume()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(outcome.log.contains("resuming"), "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }

        /// In front of histograms, and behind them.
        @Test(arguments: [1, 2])
        func equalizedJobsKilledAndResumed(round: Int) throws {
            let flags = Example.equalizedFlags(out: out)
            let coordinator = try ChildProcess(
                ["calibrate", "--workers", "1", "--verbose"] + flags)
            try coordinator.line(containing: "round opened", "round=\(round) ")
            try coordinator.end()
            let outcome = try ChildProcess.run(
                ["calibrate", "--resume", "--workers", "2"] + flags)
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(outcome.log.contains("resuming"), "\(outcome.log)")
            #expect(try Results(in: out) == Results.referenceEqualized.get())
        }

        @Test func killedAgainAndAgain() throws {
            for _ in 0..<3 {
                let coordinator = try ChildProcess(
                    ["calibrate", "--resume", "--workers", "1", "--verbose"]
                        + Example.flags(out: out))
                // The second one, so that every incarnation leaves something to the next.
                for _ in 0..<2 { try coordinator.line(containing: "round opened") }
                try coordinator.end()
            }
            let outcome = try resume()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(outcome.log.contains("resuming"), "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func aWorkerThatStaysServesTheNextCoordinator() throws {
            let first = try Cluster(flags: Example.flags(out: out))
            let worker = try first.worker()
            try first.coordinator.line(containing: "round opened", "round=2 ")
            try first.coordinator.end()
            let second = try Cluster(
                flags: Example.flags(out: out) + ["--resume"], endpoint: first.endpoint)
            try second.coordinator.line(containing: "worker admitted", "pid=\(worker.identifier)")
            try second.expectReference(in: out, events: "resuming")
            #expect(try worker.finish().status == 0)
        }

        @Test func stoppedByASignal() throws {
            let coordinator = try interrupt(before: 3, by: SIGTERM)
            #expect(coordinator.logText.contains("stopped by SIGTERM"))
            let outcome = try resume()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func anUnfinishedJobIsNotOverwritten() throws {
            _ = try interrupt(before: 2)
            let again = try ChildProcess.run(["calibrate"] + Example.flags(out: out))
            #expect(again.status == 75, "\(again.log)")
            #expect(again.log.contains("unfinished job") && again.log.contains("--resume"))
            #expect(!scratch.exists("out/model.int8.onnx"))
        }

        @Test func anotherJobIsNotResumed() throws {
            _ = try interrupt(before: 2)
            func refused(_ extra: [String], naming difference: String) throws {
                let outcome = try resume(extra)
                #expect(outcome.status == 65, "\(extra): \(outcome.log)")
                #expect(outcome.log.contains("belongs to another job"), "\(outcome.log)")
                #expect(outcome.log.contains(difference), "\(extra): \(outcome.log)")
            }
            try refused(
                ["--weights", "symmetric"],
                naming: "weights.scheme (asymmetric then, symmetric now)")
            try refused(["--match", "post"], naming: "match (pre then, post now)")
            try refused(
                ["--keep-dead-channels"], naming: "dead_channels.remove (true then, false now)")
            // The later of two equal flags counts.
            try refused(["--limit", "6"], naming: "number of images (8 then, 6 now)")
            try refused(["--range-images", "7"], naming: "range_images (8 then, 7 now)")
            try refused(["--method", "none"], naming: "method (ibc then, none now)")
            let model = try OtherModel.write(to: scratch("other.onnx"))
            try refused(["--model", model], naming: "the model: \(Example.model) with SHA-256")
            let config = try Example.configuration(["mean: [127.5,": "mean: [126,"], in: scratch)
            try refused(["--config", config], naming: "preprocessing.mean")
            #expect(try resume().status == 0)
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func otherImagesAreNamed() throws {
            let images = try scratch.folder("images")
            let folder = Binary.root.appendingPathComponent(Example.images).path
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            for name in names.prefix(8) {
                try scratch.copy(folder + "/" + name, to: "images/" + name)
            }
            let flags =
                ["calibrate", "--workers", "1", "--verbose"] + Example.flags(out: out)
                + ["--images", images, "--limit", "20"]
            let first = try ChildProcess(flags)
            try first.line(containing: "round opened", "round=2 ")
            try first.end()
            func refused(_ difference: String) throws {
                let outcome = try ChildProcess.run(flags + ["--resume"])
                #expect(outcome.status == 65, "\(outcome.log)")
                #expect(outcome.log.contains(difference), "\(difference) in \(outcome.log)")
            }
            func move(_ old: String, _ new: String) throws {
                try FileManager.default.moveItem(
                    atPath: images + "/" + old, toPath: images + "/" + new)
            }
            try move(names[7], "away")
            try refused("images removed: \(names[7])")
            try move("away", names[7])
            // Comes first, so that it is among those used.
            try scratch.copy(folder + "/" + names[9], to: "images/0.png")
            try refused("images added: 0.png")
            try FileManager.default.removeItem(atPath: images + "/0.png")
            try move(names[3], "away")
            try scratch.copy(folder + "/" + names[9], to: "images/" + names[3])
            try refused("images altered: \(names[3])")
            try FileManager.default.removeItem(atPath: images + "/" + names[3])
            try move("away", names[3])
            // Order is that of the names: two that change places.
            try move(names[0], "away")
            try move(names[1], names[0])
            try move("away", names[1])
            try refused("images altered: \(names[0]), \(names[1])")
            try move(names[0], "away")
            try move(names[1], names[0])
            try move("away", names[1])
            let resumed = try ChildProcess.run(flags + ["--resume"])
            #expect(resumed.status == 0, "\(resumed.log)")
        }

        @Test func aFinishedJobCanBeRunAgain() throws {
            #expect(try ChildProcess.run(["calibrate"] + Example.flags(out: out)).status == 0)
            try FileManager.default.removeItem(atPath: scratch("out/bias.safetensors"))
            // Nothing is left to compute: the results come from the checkpoint.
            let resumed = try resume()
            #expect(resumed.status == 0, "\(resumed.log)")
            #expect(try Results(in: out) == Results.reference.get())
            let fresh = try ChildProcess.run(
                ["calibrate", "--method", "none"] + Example.flags(out: out))
            #expect(fresh.status == 0, "\(fresh.log)")
            #expect(try Results(in: out) != Results.reference.get())
        }

        @Test func aSecondCoordinatorIsKeptOut() throws {
            let first = try Cluster(flags: Example.flags(out: out))
            // It listens before it has the folder.
            try first.coordinator.line(containing: "round opened")
            let second = try ChildProcess.run(
                ["coordinator", "--listen", "tcp://127.0.0.1:*"] + Example.flags(out: out))
            #expect(second.status == 75, "\(second.log)")
            #expect(second.log.contains(out), "\(second.log)")
            let worker = try first.worker()
            try first.expectReference(in: out)
            #expect(try worker.finish().status == 0)
        }
    }
}
