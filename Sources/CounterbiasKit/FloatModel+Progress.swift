// SPDX-License-Identifier: Apache-2.0

import Calibration

/// How far a calibration is, after each of its rounds over the images.
public struct CalibrationProgress: Hashable, Sendable {
    /// What a round is for.
    public enum Stage: String, Hashable, Sendable {
        /// Ranges and means of the float network.
        case statistics
        /// Histograms, where ranges or equalization need them.
        case ranging
        /// Iterative bias correction, a layer at a time.
        case correcting
        /// Bias fine-tuning, a step at a time, and losses on held-out images.
        case tuning
        /// Errors before and after.
        case measuring
    }

    /// Of the round that has just been completed.
    public let stage: Stage
    /// At least 1.
    public let rounds: Int
    /// Rounds there may be; fine-tuning can stop early.
    public let roundsAtMost: Int
}

extension CalibrationProgress.Stage {
    init(_ kind: RoundKind) {
        self =
            switch kind {
            case .statistics: .statistics
            case .histograms: .ranging
            case .layerSums: .correcting
            case .teacher, .loss, .gradient: .tuning
            case .measure: .measuring
            }
    }
}
