// SPDX-License-Identifier: Apache-2.0

extension TuningOptions {
    /// Checks every field against its documented range.
    /// - Throws: ``TuningError`` with code `option`, naming the first field out of range.
    package func validate() throws(TuningError) {
        try require(images >= 1, "images", images, "a whole number of at least 1")
        try require(
            temperature > 0 && temperature.isFinite, "temperature", temperature,
            "a number above 0")
        try validateOptimizer()
        try require(
            learningRate > 0 && learningRate.isFinite, "learningRate", learningRate,
            "a number above 0")
        try validateSchedule()
        try require(batch >= 1, "batch", batch, "a whole number of at least 1")
        try require(epochs >= 1, "epochs", epochs, "a whole number of at least 1")
        try require(
            (0..<1).contains(validationShare), "validationShare", validationShare,
            "a share from 0 to below 1")
        try require(
            patience >= 0, "patience", patience, "a number of epochs, or 0 to never stop early")
    }

    private func validateOptimizer() throws(TuningError) {
        switch optimizer {
        case .adam(let beta1, let beta2, let epsilon):
            try require((0..<1).contains(beta1), "beta1", beta1, "a number from 0 to below 1")
            try require((0..<1).contains(beta2), "beta2", beta2, "a number from 0 to below 1")
            // Without it a channel that never had a gradient would divide 0 by 0.
            try require(
                epsilon > 0 && epsilon.isFinite, "epsilon", epsilon, "a small number above 0")
        case .sgd(let momentum):
            try require(
                (0..<1).contains(momentum), "momentum", momentum, "a number from 0 to below 1")
        }
    }

    private func validateSchedule() throws(TuningError) {
        if case .step(let every, let factor) = schedule {
            try require(
                every >= 1, "schedule every", every, "a number of epochs of at least 1")
            try require(
                factor > 0 && factor <= 1, "schedule factor", factor,
                "a number above 0 and at most 1")
        }
        switch warmup {
        case .steps(let steps):
            try require(steps >= 0, "warmup", steps, "a number of steps of at least 0")
        case .share(let share):
            try require(
                (0..<1).contains(share), "warmup", share, "a share of all steps, 0 to below 1")
        }
    }

    private func require(
        _ isValid: Bool, _ field: String, _ value: some Any, _ allowed: String
    ) throws(TuningError) {
        guard isValid else {
            throw TuningError(.option(field: field, value: "\(value)", allowed: allowed))
        }
    }
}
