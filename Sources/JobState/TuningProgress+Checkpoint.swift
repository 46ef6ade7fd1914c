// SPDX-License-Identifier: Apache-2.0

import Calibration
import Quantization
import Storage

/// State of fine-tuning in a checkpoint: tensors `tuning.*`.
extension SafetensorsFile {
    mutating func add(_ tuning: TuningProgress) throws {
        metadata["tuning.phase"] = tuning.phase.text
        metadata["tuning.ending"] = tuning.ending?.rawValue ?? ""
        try add("tuning.masters", tuning.masters)
        try add("tuning.first-moments", tuning.optimizer.first)
        try add("tuning.second-moments", tuning.optimizer.second)
        try add("tuning.biases", tuning.biases.layers.flatMap { $0 })
        try add("tuning.best", tuning.best.layers.flatMap { $0 })
        try add("tuning.validation-losses", tuning.validationLosses)
        try add("tuning.step-losses", tuning.stepLosses)
        try add("tuning.diverged-epochs", tuning.divergedEpochs.map(Int64.init))
        try add("tuning.limited-channels", tuning.limitedChannels.map(Int64.init))
        try add("tuning.epoch-loss", [tuning.epochLoss])
        try add("tuning.rate-scale", [tuning.rateScale])
        try add(
            "tuning.counters",
            [
                tuning.optimizer.steps, tuning.bestEpoch, tuning.epochsSinceImprovement,
                tuning.epochImages, tuning.epochHasGradient ? 1 : 0,
            ].map(Int64.init))
    }

    /// Nil where fine-tuning has not started.
    /// - Throws: ``CheckpointError`` or `SafetensorsError`, naming the field.
    func tuning() throws -> TuningProgress? {
        guard let text = metadata["tuning.phase"] else { return nil }
        guard let phase = TuningProgress.Phase(text: text) else {
            throw CheckpointError(.field("tuning.phase"))
        }
        let ending = metadata["tuning.ending"] ?? ""
        guard ending.isEmpty || TuningEnding(rawValue: ending) != nil else {
            throw CheckpointError(.field("tuning.ending"))
        }
        var widths: [Int] = []
        while let tensor = self["bias.\(widths.count)"] {
            // With another extent of zero the first one could be anything, and the sum overflow.
            guard tensor.shape.count == 1 else {
                throw CheckpointError(.field("bias.\(widths.count)"))
            }
            widths.append(tensor.shape[0])
        }
        let counters = try int64s("tuning.counters", shape: [5]).map(Int.init)
        var tuning = TuningProgress(
            phase: phase,
            optimizer: OptimizerState(
                steps: counters[0], first: try doubles("tuning.first-moments"),
                second: try doubles("tuning.second-moments")),
            masters: try doubles("tuning.masters"), biases: try biases("tuning.biases", widths),
            best: try biases("tuning.best", widths))
        tuning.bestEpoch = counters[1]
        tuning.epochsSinceImprovement = counters[2]
        tuning.epochImages = counters[3]
        tuning.epochHasGradient = counters[4] != 0
        tuning.validationLosses = try doubles("tuning.validation-losses")
        tuning.stepLosses = try doubles("tuning.step-losses")
        tuning.divergedEpochs = try int64s("tuning.diverged-epochs").map(Int.init)
        tuning.limitedChannels = try int64s("tuning.limited-channels").map(Int.init)
        tuning.epochLoss = try doubles("tuning.epoch-loss", shape: [1])[0]
        tuning.rateScale = try doubles("tuning.rate-scale", shape: [1])[0]
        tuning.ending = TuningEnding(rawValue: ending)
        return tuning
    }

    /// A flat tensor cut into layers.
    private func biases(_ name: String, _ widths: [Int]) throws -> BiasState {
        let flat = try int32s(name, shape: [widths.reduce(0, +)])
        var start = 0
        return BiasState(
            layers: widths.map { width in
                defer { start += width }
                return Array(flat[start..<start + width])
            })
    }
}

extension TuningProgress.Phase {
    fileprivate var text: String {
        switch self {
        case .teacher: "teacher"
        case .validating(let epoch): "validating \(epoch)"
        case .stepping(let epoch, let batch): "stepping \(epoch) \(batch)"
        case .finished: "finished"
        }
    }

    fileprivate init?(text: String) {
        let words = text.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first, numbers.count, words.count) {
        case ("teacher", 0, 1): self = .teacher
        case ("validating", 1, 2): self = .validating(epoch: numbers[0])
        case ("stepping", 2, 3): self = .stepping(epoch: numbers[0], batch: numbers[1])
        case ("finished", 0, 1): self = .finished
        default: return nil
        }
    }
}
