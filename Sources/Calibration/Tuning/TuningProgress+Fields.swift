// SPDX-License-Identifier: Apache-2.0

import Quantization

/// State of fine-tuning in a checkpoint: fields `tuning.*`.
extension TuningProgress {
    func write(to fields: inout StageFields) {
        fields.texts["tuning.phase"] = phase.text
        fields.texts["tuning.ending"] = ending?.rawValue ?? ""
        fields.changing["tuning.masters"] = .doubles(masters)
        fields.changing["tuning.first-moments"] = .doubles(optimizer.first)
        fields.changing["tuning.second-moments"] = .doubles(optimizer.second)
        fields.changing["tuning.biases"] = .int32s(biases.layers.flatMap { $0 })
        fields.changing["tuning.best"] = .int32s(best.layers.flatMap { $0 })
        fields.changing["tuning.validation-losses"] = .doubles(validationLosses)
        fields.changing["tuning.step-losses"] = .doubles(stepLosses)
        fields.set("tuning.diverged-epochs", divergedEpochs)
        fields.set("tuning.limited-channels", limitedChannels)
        fields.changing["tuning.epoch-loss"] = .doubles([epochLoss])
        fields.changing["tuning.rate-scale"] = .doubles([rateScale])
        fields.set(
            "tuning.counters",
            [
                optimizer.steps, bestEpoch, epochsSinceImprovement, epochImages,
                epochHasGradient ? 1 : 0,
            ])
    }

    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        guard let phase = Phase(text: fields.texts["tuning.phase"] ?? "") else {
            throw StageFields.Unreadable("tuning.phase")
        }
        let ending = fields.texts["tuning.ending"] ?? ""
        guard ending.isEmpty || TuningEnding(rawValue: ending) != nil else {
            throw StageFields.Unreadable("tuning.ending")
        }
        let counters = try fields.integers("tuning.counters", count: 5)
        self.init(
            phase: phase,
            optimizer: OptimizerState(
                steps: counters[0], first: try fields.doubles("tuning.first-moments"),
                second: try fields.doubles("tuning.second-moments")),
            masters: try fields.doubles("tuning.masters"),
            biases: try fields.biases("tuning.biases"), best: try fields.biases("tuning.best"))
        bestEpoch = counters[1]
        epochsSinceImprovement = counters[2]
        epochImages = counters[3]
        epochHasGradient = counters[4] != 0
        validationLosses = try fields.doubles("tuning.validation-losses")
        stepLosses = try fields.doubles("tuning.step-losses")
        divergedEpochs = try fields.integers("tuning.diverged-epochs")
        limitedChannels = try fields.integers("tuning.limited-channels")
        epochLoss = try fields.doubles("tuning.epoch-loss", count: 1)[0]
        rateScale = try fields.doubles("tuning.rate-scale", count: 1)[0]
        self.ending = TuningEnding(rawValue: ending)
    }
}

extension TuningProgress.Phase {
    var text: String {
        switch self {
        case .teacher: "teacher"
        case .validating(let epoch): "validating \(epoch)"
        case .stepping(let epoch, let batch): "stepping \(epoch) \(batch)"
        case .finished: "finished"
        }
    }

    init?(text: String) {
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
