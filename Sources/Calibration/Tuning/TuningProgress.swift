// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// The state of fine-tuning between two rounds: everything a checkpoint has to hold.
///
/// Epochs count from 1; epoch 0 is the start. No value is NaN: a loss that is not finite, or was
/// not measured since its epoch was given up, is recorded as infinity.
package struct TuningProgress: Hashable, Sendable {
    /// The round that comes next, and what follows it (→).
    package enum Phase: Hashable, Sendable {
        /// → validating(epoch: 0)
        case teacher
        /// After that many epochs. → stepping(epoch + 1, 0), finished
        case validating(epoch: Int)
        /// Step `batch`, from 0, of an epoch. → stepping (same epoch, next batch; next epoch, 0),
        /// validating(epoch), finished
        case stepping(epoch: Int, batch: Int)
        case finished
    }

    /// Of ``FineTuning/nextRound``.
    package var phase: Phase
    /// Moments, flat over the channels of all convolutions.
    package var optimizer: OptimizerState
    /// Master biases, flat; see ``MasterBiases``.
    package var masters: [Double]
    /// The biases rounds run with: `masters`, rounded.
    package var biases: BiasState
    /// The state with the least measured loss, the result in the end.
    package var best: BiasState
    /// Epoch after which `best` was measured; 0 for the start.
    package var bestEpoch = 0
    /// Mean loss per image; element e was measured after epoch e, element 0 before the first.
    package var validationLosses: [Double] = []
    /// Mean loss per image of every step, before its update.
    package var stepLosses: [Double] = []
    /// Epochs measured since ``bestEpoch``, rollbacks starting anew; compared with `patience`.
    package var epochsSinceImprovement = 0
    /// Sum of the losses, and their images, of the epoch's steps so far.
    package var epochLoss = 0.0
    /// Images behind ``epochLoss``; mirrored ones count.
    package var epochImages = 0
    /// Whether any derivative of the epoch was not zero.
    package var epochHasGradient = false
    /// Multiplies the scheduled learning rate.
    package var rateScale = 1.0
    /// Epochs that ended in divergence, ascending.
    package var divergedEpochs: [Int] = []
    /// Flat indices of channels that were kept within their limit at least once, ascending.
    package var limitedChannels: [Int] = []
    /// Set with `finished`.
    package var ending: TuningEnding?

    /// A start: nothing is measured yet.
    package init(
        phase: Phase, optimizer: OptimizerState, masters: [Double], biases: BiasState,
        best: BiasState
    ) {
        self.phase = phase
        self.optimizer = optimizer
        self.masters = masters
        self.biases = biases
        self.best = best
    }

    /// Loss at the start; nil until measured.
    package var startLoss: Double? { validationLosses.first }

    /// Loss of `best`; nil until measured.
    package var bestLoss: Double? {
        validationLosses.indices.contains(bestEpoch) ? validationLosses[bestEpoch] : nil
    }
}
