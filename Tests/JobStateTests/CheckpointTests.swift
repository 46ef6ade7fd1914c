// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import Quantization
import Storage
import TestSupport
import Testing

@testable import JobState

@Suite struct CheckpointTests {
    /// A job's states in front of every round, and the last.
    static func checkpoints(_ variant: SimulatedJob.Variant) throws -> [JobCheckpoint] {
        let simulated = SimulatedJob.of(variant)
        var job = try simulated.job()
        var states = [job.progress]
        for results in simulated.rounds {
            try job.complete(results)
            states.append(job.progress)
        }
        return states.map {
            JobCheckpoint(
                job: simulated.digest, epoch: 5, progress: $0,
                configuration: "variant: \(variant)\n")
        }
    }

    /// Stored and read back, as bytes.
    private func reread(_ checkpoint: JobCheckpoint) throws -> JobCheckpoint {
        try JobCheckpoint(
            SafetensorsFile(sealed: try checkpoint.file().sealed()),
            statistics: try checkpoint.statisticsFile().map {
                try SafetensorsFile(sealed: $0.sealed())
            })
    }

    @Test(arguments: SimulatedJob.Variant.allCases)
    func everyStageSurvives(variant: SimulatedJob.Variant) throws {
        let checkpoints = try Self.checkpoints(variant)
        #expect(checkpoints.first?.progress.place == .statistics)
        #expect(checkpoints.contains { $0.progress.place == .correcting(layer: 2) })
        #expect(checkpoints.contains { $0.progress.place == .measuring })
        #expect(checkpoints.last?.progress.place == .finished)
        for checkpoint in checkpoints {
            #expect(try reread(checkpoint) == checkpoint)
            #expect(try checkpoint.file().sealed() == checkpoint.file().sealed())
        }
    }

    @Test func oddConfigurationsSurvive() throws {
        var checkpoint = try #require(try Self.checkpoints(.pre).last)
        checkpoint.configuration = "\"quotes\" \\ \u{0} ümlaut 漢\n"
        checkpoint.epoch = .max
        #expect(try reread(checkpoint) == checkpoint)
    }

    @Test func anyFlippedBitIsSeen() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let checkpoint = try #require(try Self.checkpoints(.post).last)
        let bytes = try checkpoint.file().sealed()
        for _ in 0..<300 {
            var damaged = bytes
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            #expect(throws: SafetensorsError.self, "byte \(place), seed \(TestSeed.value)") {
                try SafetensorsFile(sealed: damaged)
            }
            #expect(throws: SafetensorsError.self) {
                try SafetensorsFile(sealed: Array(bytes.prefix(place)))
            }
        }
    }

    @Test(arguments: [
        ("job", "12"), ("epoch", "-1"), ("round", "-1"), ("round", "x"), ("stage", "correcting"),
        ("stage", "correcting x"), ("stage", "resting"), ("stage", "correcting -1"),
        ("stage", "correcting 0"), ("stage", "correcting 9223372036854775807"),
        ("stages", "ranging statistics"), ("stages", "statistics rest"),
    ])
    func fieldsThatMakeNoSense(field: String, value: String) throws {
        let checkpoint = try #require(try Self.checkpoints(.pre).last)
        var file = try checkpoint.file()
        for content in [value, nil] {
            file.metadata[field] = content
            #expect(throws: CheckpointError(.field(field))) {
                try JobCheckpoint(file, statistics: try checkpoint.statisticsFile())
            }
        }
    }

    @Test func missingTensors() throws {
        let checkpoint = try #require(try Self.checkpoints(.pre).last)
        let (file, statistics) = (try checkpoint.file(), try checkpoint.statisticsFile())
        #expect(throws: CheckpointError(.field("statistics"))) {
            try JobCheckpoint(file, statistics: nil)
        }
        for name in ["bias.0", "corrections", "errors.corrected"] {
            #expect(throws: (any Error).self, "\(name)") {
                try JobCheckpoint(try file.without(name), statistics: statistics)
            }
        }
        for tensor in try #require(statistics).tensors {
            #expect(throws: (any Error).self, "\(tensor.name)") {
                try JobCheckpoint(file, statistics: try statistics?.without(tensor.name))
            }
        }
    }

    /// Empty tensors may claim any width; the sum of these exceeds Int.
    @Test func emptyLayersOfAnyWidth() throws {
        let checkpoint = try #require(try Self.checkpoints(.tuned).last)
        var file = try checkpoint.file()
        let layers = try #require(checkpoint.progress.biases).layers.count
        for layer in layers..<layers + 9 {
            try file.add(
                "bias.\(layer)", type: .int32, shape: [1 << 60, 0],
                bytes: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        #expect(throws: CheckpointError(.field("bias.\(layers)"))) {
            try JobCheckpoint(file, statistics: try checkpoint.statisticsFile())
        }
    }

    @Test func missingTensorsOfFineTuning() throws {
        let checkpoint = try #require(try Self.checkpoints(.tuned).last)
        let (file, statistics) = (try checkpoint.file(), try checkpoint.statisticsFile())
        for tensor in file.tensors where tensor.name.hasPrefix("tuning.") {
            #expect(throws: (any Error).self, "\(tensor.name)") {
                try JobCheckpoint(try file.without(tensor.name), statistics: statistics)
            }
        }
        for field in ["tuning.phase", "tuning.ending"] {
            var damaged = file
            damaged.metadata[field] = "elsewhere"
            #expect(throws: CheckpointError(.field(field))) {
                try JobCheckpoint(damaged, statistics: statistics)
            }
        }
        // Without its teacher the stage cannot go on: the job refuses, whatever the checkpoint
        // says.
        let partial = try #require(
            try Self.checkpoints(.tuned).first { $0.progress.tuning?.stepLosses.isEmpty == false })
        let without = try statistics?.without("teacher.logits")
        var told = try partial.file()
        #expect(throws: CheckpointError(.field("teacher.logits"))) {
            try JobCheckpoint(told, statistics: without)
        }
        told.metadata["beside"] = told.metadata["beside"]?.replacing(" teacher.logits", with: "")
        let reread = try JobCheckpoint(told, statistics: without)
        #expect(throws: CalibrationError(.checkpointMismatch(field: "teacher logits"))) {
            try SimulatedJob.tuned.job(resuming: reread.progress)
        }
    }

    @Test func statisticsOfAnotherJobAreRefused() throws {
        let checkpoint = try #require(try Self.checkpoints(.pre).last)
        var other = checkpoint
        other.job = Digest.sha256(of: "another job")
        #expect(throws: CheckpointError(.field("statistics"))) {
            try JobCheckpoint(try checkpoint.file(), statistics: try other.statisticsFile())
        }
    }

    @Test func aJobGoesOnFromEveryCheckpoint() throws {
        for variant in SimulatedJob.Variant.allCases {
            let simulated = SimulatedJob.of(variant)
            for checkpoint in try Self.checkpoints(variant) {
                var job = try simulated.job(resuming: try reread(checkpoint).progress)
                while let round = job.nextRound { try job.complete(simulated.rounds[round.index]) }
                #expect(job.progress == simulated.progress)
            }
        }
    }
}

extension SafetensorsFile {
    /// A copy that lacks one tensor.
    func without(_ name: String) throws -> SafetensorsFile {
        var copy = SafetensorsFile(metadata: metadata)
        for tensor in tensors where tensor.name != name {
            let bytes = try bytes(tensor.name)
            try copy.add(tensor, bytes)
        }
        return copy
    }

    fileprivate mutating func add(_ tensor: Tensor, _ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes {
            try add(tensor.name, type: tensor.type, shape: tensor.shape, bytes: $0)
        }
    }
}
