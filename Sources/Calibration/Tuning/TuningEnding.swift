// SPDX-License-Identifier: Apache-2.0

/// Why fine-tuning ended.
package enum TuningEnding: String, Hashable, Sendable, Codable, CaseIterable {
    /// All epochs were run.
    case completed
    /// `patience` epochs in a row brought nothing.
    case stoppedEarly = "stopped-early"
    /// No bias had a gradient in a whole epoch.
    case noGradient = "no-gradient"
    /// The loss rose too far once more often than it is rolled back.
    case diverged
}

/// What became of fine-tuning, in one sentence.
package struct TuningOutcome: Hashable, Sendable {
    /// Why it ended.
    package var ending: TuningEnding
    /// Epoch whose state was kept; 0 for the start.
    package var bestEpoch: Int
    /// Epochs begun.
    package var epochs: Int
    /// Mean loss per image, measured before the first step.
    package var startLoss: Double
    /// Mean loss per image of the state kept.
    package var bestLoss: Double
    /// Epochs that were rolled back or ended it, ascending.
    package var divergedEpochs: [Int]

    /// Nil while fine-tuning runs.
    package init?(_ progress: TuningProgress) {
        guard let ending = progress.ending, let startLoss = progress.startLoss,
            let bestLoss = progress.bestLoss
        else { return nil }
        self.ending = ending
        bestEpoch = progress.bestEpoch
        epochs = progress.validationLosses.count - 1
        self.startLoss = startLoss
        self.bestLoss = bestLoss
        divergedEpochs = progress.divergedEpochs
    }

    /// Whether an epoch's state is better than the start.
    package var improved: Bool { bestEpoch > 0 }
}

extension TuningOutcome: CustomStringConvertible {
    package var description: String {
        var text =
            improved
            ? "improved: loss \(startLoss) before, \(bestLoss) after epoch \(bestEpoch) of \(epochs)"
            : "kept the start: no epoch of \(epochs) brought the loss below \(startLoss)"
        switch ending {
        case .completed: break
        case .stoppedEarly: text += "; stopped early after epoch \(epochs)"
        case .noGradient:
            text += "; stopped after epoch \(epochs), since no bias had a gradient in it"
        case .diverged: text += "; stopped after epoch \(epochs), which diverged again"
        }
        if !divergedEpochs.isEmpty {
            text += "; rolled back to the best state after divergence in epoch "
            text += divergedEpochs.map(String.init).joined(separator: ", ")
        }
        return text
    }
}
