// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

extension EndToEnd {
    /// `status` in front of jobs in every state; it may change nothing.
    @Suite(.serialized) struct StatusCommand {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        private func status(
            _ expected: Int32 = 0, at location: SourceLocation = #_sourceLocation
        ) throws -> (table: String, json: [String: Any], log: String) {
            let before = try contents()
            let table = try ChildProcess.run("status", out)
            let json = try ChildProcess.run("status", out, "--json")
            #expect(try contents() == before, "status wrote", sourceLocation: location)
            for outcome in [table, json] {
                #expect(outcome.status == expected, "\(outcome.log)", sourceLocation: location)
            }
            let object = try? JSONSerialization.jsonObject(with: Data(json.output.utf8))
            return (table.output, object as? [String: Any] ?? [:], table.log)
        }

        /// Every file with its size and time; of a job nobody works on.
        private func contents() throws -> [String] {
            guard FileManager.default.fileExists(atPath: out) else { return [] }
            return try FileManager.default.subpathsOfDirectory(atPath: out).sorted().map { name in
                let attributes = try FileManager.default.attributesOfItem(atPath: out + "/" + name)
                return "\(name) \(attributes[.size] ?? 0) \(attributes[.modificationDate] ?? 0)"
            }
        }

        private func interrupt(before round: Int) throws {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let worker = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=\(round) ")
            try cluster.coordinator.hasSaved(rounds: round)
            worker.signal(SIGSTOP)
            try cluster.coordinator.end()
            try worker.end()
        }

        private func checkpoints() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: out + "/checkpoint")
                .filter { $0.hasPrefix("checkpoint-") }.sorted()
                .map { out + "/checkpoint/" + $0 }
        }

        @Test func nothingThere() throws {
            #expect(try status(66).log.contains("\(out): there is no such folder"))
            try scratch.folder("out")
            #expect(try status(66).log.contains("\(out): no job has run here"))
            try FileManager.default.removeItem(atPath: out)
            try scratch.write("", to: "out")
            #expect(try status(66).log.contains("\(out): not a folder"))
            try FileManager.default.removeItem(atPath: out)
            try scratch.folder("out")
            // No folder where checkpoints should be: the system's refusal, whoever runs the test.
            try scratch.write("", to: "out/checkpoint")
            #expect(try status(66).log.contains("\(out)/checkpoint: cannot list"))
        }

        @Test func runningThenKilledThenFinished() throws {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let worker = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            try cluster.coordinator.hasSaved(rounds: 2)
            // The job stands still while it is looked at, but its coordinator is there.
            worker.signal(SIGSTOP)
            cluster.coordinator.pause()
            let running = try status()
            #expect(running.json["state"] as? String == "running")
            let coordinator = running.json["coordinator"] as? [String: Any]
            #expect(coordinator?["pid"] as? Int == Int(cluster.coordinator.identifier))
            #expect(running.table.contains("running (process \(cluster.coordinator.identifier)"))
            #expect(running.table.contains("kill -TERM \(cluster.coordinator.identifier)"))
            try cluster.coordinator.end()
            try worker.end()

            let killed = try status()
            #expect(killed.json["state"] as? String == "interrupted")
            let rounds = try #require(killed.json["roundsDone"] as? Int)
            #expect(rounds >= 2, "\(killed.table)")
            #expect((killed.json["roundsAtMost"] as? Int ?? 0) > rounds)
            #expect(killed.json["incarnation"] as? Int == 1)
            let stage = try #require(killed.json["stage"] as? [String: Any])
            #expect(stage["name"] as? String == "correcting", "\(stage)")
            #expect((stage["layer"] as? Int ?? 9) <= (stage["layers"] as? Int ?? 0))
            #expect(
                killed.table.contains("coordinator --listen") && killed.table.contains("--resume"))

            let resumed = try ChildProcess.run(
                ["calibrate", "--resume", "--workers", "2"] + Example.flags(out: out))
            #expect(resumed.status == 0, "\(resumed.log)")
            let finished = try status()
            #expect(finished.json["state"] as? String == "finished", "\(finished.table)")
            #expect(finished.json["incarnation"] as? Int == 2)
            #expect((finished.json["stage"] as? [String: Any])?["name"] as? String == "done")
            #expect(finished.table.contains("\(out)/model.int8.onnx"))

            // Killed after the last checkpoint, before the results.
            try FileManager.default.removeItem(atPath: out + "/run.json")
            let unwritten = try status()
            #expect(unwritten.json["state"] as? String == "interrupted")
            #expect(unwritten.table.contains("results not written"))
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func whatItProposesGoesOn() throws {
            let flags = ["calibrate", "--workers", "1", "--verbose"] + Example.flags(out: out)
            let first = try ChildProcess(flags)
            try first.line(containing: "round opened", "round=3 ")
            try first.end()
            let next = try #require(try status().json["next"] as? String)
            let shell = Process()
            let binary = try Binary.counterbias().deletingLastPathComponent().path
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = [
                "-c",
                "PATH=\"\(binary):$PATH\"; \(next) >/dev/null 2>&1",
            ]
            try shell.run()
            shell.waitUntilExit()
            #expect(shell.terminationStatus == 0, "\(next)")
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func fineTuning() throws {
            // More epochs than it can have done before it is ended.
            let coordinator = try ChildProcess(
                ["calibrate", "--workers", "1", "--verbose"]
                    + Example.tuningFlags(out: out, epochs: 100_000))
            let teacher = try coordinator.line(containing: "round opened", "kind=teacher")
            let first = try #require(
                teacher.firstMatch(of: /round=(\d+)/).flatMap { Int($0.output.1) })
            // Teacher, validation, then steps.
            try coordinator.line(containing: "round opened", "round=\(first + 3)")
            try coordinator.hasSaved(rounds: first + 3)
            try coordinator.end()
            let stopped = try status()
            let stage = try #require(stopped.json["stage"] as? [String: Any])
            #expect(stage["name"] as? String == "tuning", "\(stopped.table)")
            #expect(stage["epochs"] as? Int == 100_000)
            #expect(stage["loss"] is Double, "\(stage)")
            #expect(
                stopped.table.contains(/fine-tuning, epoch \d+ of 100000/), "\(stopped.table)")
        }

        @Test func damagedCheckpoints() throws {
            try interrupt(before: 3)
            let files = try checkpoints()
            #expect(files.count == 2)
            try Data("damaged".utf8).write(to: URL(fileURLWithPath: files[1]))
            let fallback = try status()
            #expect(fallback.json["state"] as? String == "interrupted")
            #expect(fallback.table.contains("the newest one is damaged"), "\(fallback.table)")
            #expect((fallback.json["warnings"] as? [String])?.first?.contains(files[1]) == true)
            let checkpoint = fallback.json["checkpoint"] as? [String: Any]
            #expect(checkpoint?["path"] as? String == files[0])

            try Data("damaged".utf8).write(to: URL(fileURLWithPath: files[0]))
            let none = try status(65)
            #expect(none.log.contains(files[0]) && none.log.contains(files[1]), "\(none.log)")
            let resume = try ChildProcess.run(["calibrate", "--resume"] + Example.flags(out: out))
            #expect(resume.status == 65, "\(resume.log)")
        }

        @Test func checkpointsOfALaterRelease() throws {
            try interrupt(before: 2)
            var store = CheckpointStore(directory: out + "/checkpoint")
            var content = try #require(try store.load()).content
            content.metadata["format"] = "99"
            let generation = try store.save(content)
            let message = "\(store.path(of: generation)): the checkpoint has format 99"
            #expect(try status(65).log.contains(message))
            for flags in [["--resume"], []] {
                let outcome = try ChildProcess.run(["calibrate"] + flags + Example.flags(out: out))
                #expect(outcome.status == 65, "\(outcome.log)")
                #expect(outcome.log.contains(message), "\(outcome.log)")
            }
        }

        /// What another release finished is in nobody's way.
        @Test func finishedJobsOfAnotherRelease() throws {
            let flags = ["calibrate"] + Example.flags(out: out)
            let first = try ChildProcess.run(flags)
            #expect(first.status == 0, "\(first.log)")
            var store = CheckpointStore(directory: out + "/checkpoint")
            var content = try #require(try store.load()).content
            content.metadata["format"] = "1"
            _ = try store.save(content)
            let again = try ChildProcess.run(flags)
            #expect(again.status == 0, "\(again.log)")
        }

        @Test func damagedStatistics() throws {
            try interrupt(before: 3)
            try Data("damaged".utf8).write(
                to: URL(fileURLWithPath: out + "/checkpoint/statistics.safetensors"))
            let damaged = try status()
            #expect((damaged.json["stage"] as? [String: Any])?["name"] as? String == "statistics")
            #expect(
                damaged.table.contains("statistics.safetensors is unusable"), "\(damaged.table)")
        }
    }
}
