// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// Fine-tuning with real processes: the bits depend neither on workers nor on who dies when.
    @Suite(.serialized) struct Tuning {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        @Test(arguments: [(1, 2), (2, 1), (3, 2)])
        func doesNotDependOnTheNumberOfWorkers(workers: Int, threads: Int) throws {
            let outcome = try ChildProcess.run(
                ["calibrate", "--workers", "\(workers)", "--threads", "\(threads)"]
                    + Example.tuningFlags(out: out))
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.referenceTuned.get())
        }

        /// Waits for the round that comes `step` rounds after the teacher's.
        private func awaitRound(_ step: Int, of coordinator: ChildProcess) throws {
            let line = try coordinator.line(containing: "round opened", "kind=teacher")
            let first = try #require(
                line.firstMatch(of: /round=(\d+)/).flatMap { Int($0.output.1) })
            if step > 0 {
                try coordinator.line(containing: "round opened", "round=\(first + step)")
            }
        }

        @Test(arguments: [0, 2, 4])
        func workersKilledInMidRound(step: Int) throws {
            let cluster = try Cluster(flags: Example.tuningFlags(out: out))
            let victim = try cluster.worker()
            try awaitRound(step, of: cluster.coordinator)
            cluster.coordinator.signal(SIGSTOP)
            try victim.end(by: SIGKILL)
            cluster.coordinator.signal(SIGCONT)
            try cluster.coordinator.line(containing: "worker lost", "pid=\(victim.identifier)")
            let next = try cluster.worker()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try next.finish().status == 0)
            #expect(try Results(in: out) == Results.referenceTuned.get())
        }

        /// Teacher, validation, any step of both epochs.
        @Test(arguments: [0, 1, 3, 5, 8])
        func coordinatorsKilledAndResumed(step: Int) throws {
            let coordinator = try ChildProcess(
                ["calibrate", "--workers", "1", "--verbose"] + Example.tuningFlags(out: out))
            try awaitRound(step, of: coordinator)
            try coordinator.end()
            let outcome = try ChildProcess.run(
                ["calibrate", "--resume", "--workers", "2"] + Example.tuningFlags(out: out))
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(outcome.log.contains("resuming"), "\(outcome.log)")
            #expect(try Results(in: out) == Results.referenceTuned.get())
        }

        @Test func otherSettingsAreNotResumed() throws {
            let coordinator = try ChildProcess(
                ["calibrate", "--workers", "1", "--verbose"] + Example.tuningFlags(out: out))
            try awaitRound(2, of: coordinator)
            try coordinator.end()
            let outcome = try ChildProcess.run(
                ["calibrate", "--resume", "--learning-rate", "0.5"]
                    + Example.tuningFlags(out: out))
            #expect(outcome.status == 65, "\(outcome.log)")
            #expect(
                outcome.log.contains("bft.learning_rate (0.012 then, 0.5 now)"), "\(outcome.log)")
        }

        /// The model differs from one without correction in bytes of bias initializers alone.
        @Test func onlyBiasBytesDiffer() throws {
            let plain = scratch("plain")
            let flags = Example.tuningFlags(out: plain) + ["--method", "none"]
            #expect(try ChildProcess.run(["calibrate"] + flags).status == 0)
            #expect(
                try ChildProcess.run(["calibrate"] + Example.tuningFlags(out: out)).status == 0)
            let (before, after) = (try ModelBytes(in: plain), try ModelBytes(in: out))
            #expect(before.biases != after.biases)
            #expect(before.rest == after.rest)
        }

        @Test func labelsAreNeededForCrossEntropyAndHaveToFit() throws {
            let flags = ["calibrate"] + Example.tuningFlags(out: out) + ["--loss", "cross-entropy"]
            // The example's table is that of its evaluation images.
            let missing = try ChildProcess.run(flags)
            #expect(missing.status == 65, "\(missing.log)")
            #expect(missing.log.contains("no label for 'c000.png'"), "\(missing.log)")
            let folder = Binary.root.appendingPathComponent(Example.images).path
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            func labels(_ label: Int) throws -> String {
                try scratch.write(
                    "file,class_index\n" + names.map { "\($0),\(label)\n" }.joined(),
                    to: "labels.csv")
            }
            let outside = try ChildProcess.run(flags + ["--labels", try labels(99)])
            #expect(outside.status == 65, "\(outside.log)")
            #expect(outside.log.contains("class 99"), "\(outside.log)")
            let fitting = try ChildProcess.run(flags + ["--labels", try labels(3)])
            #expect(fitting.status == 0, "\(fitting.log)")
        }
    }
}

/// An exported model cut into its bias initializers and everything else.
private struct ModelBytes {
    var biases: [Data] = []
    var rest: Data

    /// - Throws: when a bias of `bias.safetensors` cannot be found in the model.
    init(in folder: String) throws {
        let results = try Results(in: folder)
        rest = results.model
        let file = results.biases
        let headerCount = Int(
            file.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.1) << (8 * UInt64($1.0)) })
        let header = try JSONSerialization.jsonObject(with: file[8..<8 + headerCount])
        for (name, entry) in try #require(header as? [String: [String: Any]]).sorted(by: {
            $0.key < $1.key
        })
        where name != "__metadata__" {
            let offsets = try #require(entry["data_offsets"] as? [Int])
            let bytes = Data(file[8 + headerCount + offsets[0]..<8 + headerCount + offsets[1]])
            let place = try #require(rest.range(of: bytes), "\(name)")
            biases.append(bytes)
            rest.replaceSubrange(place, with: Data(repeating: 0, count: bytes.count))
        }
    }
}
