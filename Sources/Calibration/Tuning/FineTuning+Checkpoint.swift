// SPDX-License-Identifier: Apache-2.0

extension FineTuning {
    /// Refuses a state that these options, layers and images cannot have led to.
    /// - Throws: ``CalibrationError`` with code `checkpointMismatch`, naming the field.
    func checkProgress() throws(CalibrationError) {
        try require(
            options.optimizer.fits(progress.optimizer, parameters: masters.count)
                && progress.optimizer.isFinite,
            "optimizer state")
        try require(masters.fits(progress.biases), "biases")
        try require(masters.agree(progress.masters, with: progress.biases), "master biases")
        try require(masters.fits(progress.best), "best biases")
        try require(
            progress.limitedChannels.allSatisfy((0..<masters.count).contains), "limited channels")
        try require(
            progress.rateScale > 0 && progress.rateScale <= 1 && progress.epochLoss.isFinite
                && progress.epochImages >= 0 && progress.epochsSinceImprovement >= 0,
            "epoch in work")
        try checkLosses()
    }

    private func checkLosses() throws(CalibrationError) {
        let isOpen = progress.ending == nil
        let measurements = progress.validationLosses.count
        switch progress.phase {
        case .teacher:
            try require(isOpen && options.loss.usesTeacher && measurements == 0, "phase")
        case .validating(let epoch):
            try require(
                isOpen && (0...options.epochs).contains(epoch) && measurements == epoch, "phase")
        case .stepping(let epoch, let batch):
            try require(
                isOpen && (1...options.epochs).contains(epoch) && measurements == epoch
                    && (0..<order.stepsPerEpoch).contains(batch), "phase")
            try require((batch == 0) == (progress.epochImages == 0), "epoch in work")
        case .finished:
            try require(!isOpen && (2...options.epochs + 1).contains(measurements), "phase")
        }
        try require(
            (0..<max(measurements, 1)).contains(progress.bestEpoch)
                && progress.bestLoss?.isFinite ?? true && progress.startLoss?.isFinite ?? true
                && !progress.validationLosses.contains(where: \.isNaN), "validation losses")
        try require(
            progress.stepLosses.allSatisfy(\.isFinite)
                && progress.stepLosses.count <= options.epochs * order.stepsPerEpoch
                && (measurements > 1 || progress.epochImages > 0) == !progress.stepLosses.isEmpty,
            "step losses")
        try require(
            progress.divergedEpochs.allSatisfy { (1..<max(measurements, 1)).contains($0) },
            "diverged epochs")
    }

    private func require(_ fits: Bool, _ field: String) throws(CalibrationError) {
        guard fits else {
            throw CalibrationError(.checkpointMismatch(field: "fine-tuning's \(field)"))
        }
    }
}
