// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// What stages have found, where they have.
extension CalibrationJob.Progress {
    /// Of the network as given.
    package var statistics: NetworkStatistics? { stages[Statistics.self]?.found?.all }
    /// One entry per convolution that has had its turn.
    package var corrections: [LayerCorrection] { stages[Correction.self]?.corrections ?? [] }
    /// State of fine-tuning; nil until it starts.
    package var tuning: TuningProgress? { stages[Tuning.self]?.progress }
    /// What held-out images say; nil without a check.
    package var heldOutCheck: HeldOutCheck? { stages[HeldOutCheck.self] }
}

extension CalibrationJob.Progress {
    /// A job in the middle of fine-tuning or of what comes before it, for what shows progress: it
    /// cannot be gone on with.
    package init(at place: Place, rounds: Int, biases: BiasState?, tuning: TuningProgress?) {
        self.place = place
        self.rounds = rounds
        self.biases = biases
        stages = tuning.map { [.tuning(Tuning($0))] } ?? []
    }
}

/// In a checkpoint.
extension CalibrationJob.Progress {
    /// As a checkpoint stores it; ``init(_:)`` reads it back.
    package var fields: StageFields {
        var fields = StageFields()
        fields.texts["round"] = String(rounds)
        fields.texts["stage"] = place.text
        fields.texts["stages"] = stages.names.joined(separator: " ")
        if let biases { fields.set(biases) }
        for stage in stages { stage.value.write(to: &fields) }
        return fields
    }

    /// Reads what ``fields`` gave.
    /// - Throws: the field that is missing or makes no sense. Whether the rest fits a job is for
    ///   the job to find out.
    package init(_ fields: StageFields) throws(StageFields.Unreadable) {
        guard let rounds = Int(fields.texts["round"] ?? ""), rounds >= 0 else {
            throw StageFields.Unreadable("round")
        }
        guard let place = Place(text: fields.texts["stage"] ?? "") else {
            throw StageFields.Unreadable("stage")
        }
        self.rounds = rounds
        self.place = place
        biases = try fields.biases()
        let names = fields.texts["stages"]?.split(separator: " ").map(String.init)
        let kinds = JobStage.kinds.filter { names?.contains($0.name) == true }
        guard kinds.map({ $0.name }) == names, !kinds.isEmpty || place == .statistics else {
            throw StageFields.Unreadable("stages")
        }
        for kind in kinds { stages.append(JobStage(try kind.init(fields))) }
        // No other place says more than which stage it is.
        if case .correcting(let layer) = place, layer != corrections.count {
            throw StageFields.Unreadable("stage")
        }
    }
}
