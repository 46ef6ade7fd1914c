// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Quantization
import Storage
import Testing

@testable import JobState

@Suite struct JobStatusTests {
    private let holder = LockHolder(processID: 42, host: "host")

    private func status(
        _ place: Place, tuning: TuningProgress? = nil, guardImages: Int? = nil,
        lock: DirectoryLock.State = .free, hasResults: Bool = false
    ) -> JobStatus {
        var options = options
        options.guardImages = guardImages
        let progress = CalibrationJob.Progress(
            at: place, rounds: 5, biases: BiasState(layers: [[1], [2], [3]]), tuning: tuning)
        let checkpoint = JobCheckpoint(
            job: Digest.sha256(of: "job"), epoch: 3, progress: progress, configuration: "",
            roundLimit: 9)
        return JobStatus(
            saved: (
                checkpoint,
                JobStatus.Checkpoint(path: "p", generation: 8, ageSeconds: 2, isFallback: false)
            ), options: options, imageCount: 12, lock: lock, hasResults: hasResults)
    }

    private var options: CalibrationOptions {
        CalibrationOptions(
            scheme: QuantizationScheme(), removesDeadChannels: true, correction: nil,
            rangeImages: 8, correctionImages: 8, shardImages: 2,
            tuning: TuningOptions(
                images: 12, loss: .kl, temperature: 1,
                optimizer: .adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8), learningRate: 0.1,
                schedule: .constant, warmup: .share(0), batch: 4, epochs: 6, seed: 1))
    }

    private func tuning(_ phase: TuningProgress.Phase, steps: [Double]) -> TuningProgress {
        var tuning = TuningProgress(
            phase: phase, optimizer: OptimizerState(steps: 0, first: [], second: []), masters: [],
            biases: BiasState(layers: []), best: BiasState(layers: []))
        tuning.validationLosses = [0.5]
        tuning.stepLosses = steps
        return tuning
    }

    @Test func statesFollowFromLockAndResults() {
        #expect(status(.statistics).state == .interrupted)
        #expect(status(.statistics, lock: .held(holder)).state == .running)
        #expect(status(.statistics, lock: .held(nil)).coordinator == nil)
        let running = status(.measuring, lock: .held(holder))
        #expect(running.coordinator == JobStatus.Coordinator(pid: 42, host: "host"))
        #expect(status(.finished, hasResults: true).state == .finished)
        #expect(status(.finished, hasResults: true).stage.name == "done")
        // Killed between the last checkpoint and the results: --resume writes them.
        #expect(status(.finished).state == .interrupted)
        #expect(status(.finished).stage.name == "writing")
        #expect(status(.finished, lock: .held(holder)).stage.name == "writing")
        #expect(status(.finished, lock: .held(holder), hasResults: true).stage.name == "preparing")
        let new = JobStatus(saved: nil, lock: .held(holder), hasResults: false)
        #expect(new.state == .running && new.stage.name == "preparing" && new.roundsDone == 0)
    }

    @Test func stagesCountFromOne() {
        let correcting = status(.correcting(layer: 1)).stage
        #expect(correcting.layer == 2 && correcting.layers == 3)
        #expect(status(.measuring).stage == JobStatus.Stage("measuring"))
        let step = status(.tuning, tuning: tuning(.stepping(epoch: 2, batch: 1), steps: [3, 2]))
        #expect(step.stage.epoch == 2 && step.stage.epochs == 6)
        // 12 images, one of them held out, 4 a step.
        #expect(step.stage.step == 2 && step.stage.steps == 3 && step.stage.loss == 2)
        let start = status(.tuning, tuning: tuning(.validating(epoch: 0), steps: []))
        #expect(start.stage.epoch == 0 && start.stage.step == nil && start.stage.loss == 0.5)
        #expect(step.roundsDone == 5 && step.roundsAtMost == 9 && step.incarnation == 3)
    }

    /// Images that judge corrections take part in no step; a folder without any others has no
    /// steps to show.
    @Test(arguments: [(0, 3), (4, 2), (8, 1), (12, nil), (13, nil)] as [(Int, Int?)])
    func heldOutImagesAreNotStepped(guardImages: Int, steps: Int?) {
        let tuning = tuning(.stepping(epoch: 1, batch: 0), steps: [])
        let stage = status(.tuning, tuning: tuning, guardImages: guardImages).stage
        #expect(stage.step == 1 && stage.steps == steps)
    }

    @Test func checkpointsOfAnotherFormatAreRefused() throws {
        let saved = JobCheckpoint(
            job: Digest.sha256(of: "job"), epoch: 1, progress: CalibrationJob.Progress(),
            configuration: "c", roundLimit: 4)
        var file = try saved.file()
        #expect(try JobCheckpoint(file, statistics: nil) == saved)
        // Nil: written before formats were numbered.
        for (format, found) in [("4", "4"), ("2", "2"), ("1", "1"), (nil, "1"), ("x", "x")] {
            file.metadata["format"] = format
            let error = #expect(throws: CheckpointError.self) {
                try JobCheckpoint(file, statistics: nil)
            }
            #expect(error == CheckpointError(.otherFormat(found: found, expected: 3)))
            #expect(error?.description.contains("format \(found)") == true)
        }
        file.metadata["format"] = "3"
        file.metadata["rounds.limit"] = nil
        #expect(try JobCheckpoint(file, statistics: nil).roundLimit == nil)
    }
}

@Suite struct JobDifferencesTests {
    private func record(
        _ images: [(String, String)], model: String = "m", mean: String = "0", job: String = "job"
    ) -> JobRecord {
        JobRecord(
            job: Digest.sha256(of: job), version: "1",
            command: ["counterbias", "calibrate", "--out", "my out"],
            folder: "/tmp/it's here", model: JobRecord.Image(name: "M.onnx", digest: model),
            images: images.map { JobRecord.Image(name: $0.0, digest: $0.1) },
            configuration: [
                "preprocessing.mean": mean, "cluster.workers": mean, "bft.new": mean,
            ])
    }

    private let three = [("a", "1"), ("b", "2"), ("c", "3")]

    @Test func imagesAreNamed() {
        func differences(_ images: [(String, String)]) -> [String] {
            JobDifferences.of(record(three), record(images))
        }
        #expect(differences(three) == [])
        #expect(
            differences([("a", "1"), ("c", "3")])
                == ["the number of images (3 then, 2 now)", "images removed: b"])
        #expect(
            differences([("a", "1"), ("b", "2"), ("bb", "9"), ("c", "3")])
                == ["the number of images (3 then, 4 now)", "images added: bb"])
        #expect(differences([("a", "1"), ("b", "4"), ("c", "3")]) == ["images altered: b"])
        #expect(
            differences([("a", "1"), ("c", "3"), ("b", "2")])
                == ["images in another order, first at position 2: b then, c now"])
        #expect(
            differences([("a", "1"), ("b", "2"), ("d", "3")])
                == ["images removed: c", "images added: d"])
        let many = (0..<9).map { ("n\($0)", "0") }
        #expect(
            JobDifferences.of(record(many), record([("n0", "0")])).last
                == "images removed: n1, n2, n3 and 5 more")
    }

    @Test func modelAndPreprocessingAreNamed() {
        #expect(
            JobDifferences.of(record(three), record(three, model: "n"))
                == ["the model: M.onnx with SHA-256 m then, M.onnx with n now"])
        // All pixels differ, no file does.
        let other = three.map { ($0.0, $0.1 + "x") }
        #expect(
            JobDifferences.of(record(three), record(other, mean: "127"))
                == ["preprocessing.mean (0 then, 127 now)"])
        #expect(
            JobDifferences.otherSettings(record(three), record(three, mean: "1"))
                == ["bft.new (0 then, 1 now)"])
    }

    @Test func keysAreNamed() {
        let old = CalibrationOptions(
            scheme: QuantizationScheme(), removesDeadChannels: true,
            correction: CorrectionOptions(match: .pre, iterations: 3),
            rangeImages: 8, correctionImages: 8, shardImages: 2)
        func difference(_ change: (inout CalibrationOptions) -> Void) -> [String] {
            var new = old
            change(&new)
            return JobDifferences.of(old, new)
        }
        #expect(difference { _ in } == [])
        #expect(
            difference { $0.scheme.symmetry = .symmetric }
                == ["weights.scheme (asymmetric then, symmetric now)"])
        #expect(difference { $0.scheme.weightBits = 4 } == ["weights.bits (8 then, 4 now)"])
        #expect(difference { $0.correction?.match = .post } == ["match (pre then, post now)"])
        #expect(difference { $0.correction = nil } == ["method (ibc then, none now)"])
        #expect(
            difference { $0.removesDeadChannels = false }
                == ["dead_channels.remove (true then, false now)"])
        #expect(
            difference {
                $0.rangeImages = 9
                $0.shardImages = 1
            } == ["range_images (8 then, 9 now)", "shard_images (2 then, 1 now)"])
    }

    @Test func theCommandIsQuotedForAShell() {
        #expect(
            record(three).resumeCommand
                == #"cd '/tmp/it'\''s here' && counterbias calibrate --out 'my out' --resume"#)
    }

    @Test func recordsOfOtherJobsSayNothing() throws {
        try withScratchFolder { folder in
            #expect(JobRecord.read(from: folder, of: Digest.sha256(of: "job")) == nil)
            try record(three).write(to: folder)
            #expect(JobRecord.read(from: folder, of: Digest.sha256(of: "job")) == record(three))
            #expect(JobRecord.read(from: folder, of: Digest.sha256(of: "other")) == nil)
        }
    }
}

private func withScratchFolder(_ body: (String) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory
        .appending(path: "counterbias-record-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url.path)
}
