// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import PrintableText

/// What progress displays say of fine-tuning.
struct TuningDisplay {
    private let started: ContinuousClock.Instant
    /// Steps that were done when this process took over.
    private let firstStep: Int
    private var epochsReported: Int
    /// Epoch, step, loss, images per second and time left.
    private(set) var status: [String] = []

    init(_ stage: FineTuning, now: ContinuousClock.Instant) {
        started = now
        firstStep = stage.progress.stepLosses.count
        epochsReported = stage.progress.validationLosses.count
    }

    /// - Returns: a line when an epoch has been measured.
    mutating func update(_ stage: FineTuning, now: ContinuousClock.Instant) -> String? {
        let progress = stage.progress
        let perEpoch = stage.order.stepsPerEpoch
        let steps = progress.stepLosses.count - firstStep
        let seconds = (now - started).seconds
        let stepImages = Double(stage.order.trainingImages) / Double(max(perEpoch, 1))
        let rate = seconds > 0 ? Double(steps) * stepImages / seconds : 0
        if case .stepping(let epoch, let batch) = progress.phase {
            let left = stage.options.epochs * perEpoch - (epoch - 1) * perEpoch - batch
            var parts = [
                "epoch \(epoch)/\(stage.options.epochs)", "step \(batch + 1)/\(perEpoch)",
            ]
            if let loss = progress.stepLosses.last { parts.append("loss \(loss.significant)") }
            if steps > 0 {
                parts.append("\(rate.formatted(decimals: 1)) images/s")
                let remaining = Double(left) * seconds / Double(steps)
                parts.append("\(remaining.formatted(decimals: 0)) s left")
            }
            status = parts
        }
        guard progress.validationLosses.count > epochsReported,
            let loss = progress.validationLosses.last
        else { return nil }
        epochsReported = progress.validationLosses.count
        let epoch = epochsReported - 1
        let validation = "validation loss \(loss.significant)"
        if epoch == 0 { return "fine-tuning: \(validation) at the start" }
        let training = progress.stepLosses.suffix(perEpoch)
        let mean = training.reduce(0, +) / Double(max(training.count, 1))
        return
            "fine-tuning: epoch \(epoch)/\(stage.options.epochs), training loss \(mean.significant), "
            + "\(validation), \(rate.formatted(decimals: 1)) images/s"
    }
}
