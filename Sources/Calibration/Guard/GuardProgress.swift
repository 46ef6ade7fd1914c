// SPDX-License-Identifier: Apache-2.0

/// What the guard remembers between rounds.
///
/// Images held out of every correction judge it: their loss with the biases reached is compared
/// with the loss before. A layer's correction, or the result of fine-tuning, that raises it is
/// taken back. The judgement costs one pass of the integer network over the held-out images per
/// convolution, and one for fine-tuning.
package struct GuardProgress: Hashable, Sendable {
    /// What is judged next.
    package enum Step: Hashable, Sendable {
        /// Float logits of the held-out images. → start
        case teacher
        /// The biases as they were rounded.
        case start
        /// The latest layer's correction.
        case layer(Int)
        /// The result of fine-tuning.
        case tuning
    }

    /// The float network's logits on the held-out images, `[image][class]`; empty until computed.
    package var teacher: [Float] = []
    /// Mean loss per image: of the start, then of every judged state in turn, kept or not.
    package var losses: [Double] = []
    /// Loss of the state kept.
    package var best = Double.infinity
    /// Convolutions whose correction was taken back.
    package var rejectedLayers: [Int] = []
    /// Whether the result of fine-tuning was taken back.
    package var rejectsTuning = false

    package init() {}
}

extension GuardProgress {
    /// Squared distance of the logits over that of the float network's: one over the signal to
    /// noise ratio.
    static let loss = TuningLoss(.relativeL2, temperature: 1)

    /// - Returns: whether the judged state may stay; a loss that is no number may not.
    mutating func judge(_ loss: Double) -> Bool {
        losses.append(loss)
        guard loss <= best else { return false }
        best = loss
        return true
    }
}

/// What the guard did, for the ledger.
package struct GuardSummary: Hashable, Sendable, Codable {
    package var images: Int
    /// Mean squared distance of the held-out images' logits, as a share of the float network's:
    /// before any correction, and in the end. Nil where it is no number.
    package var lossBefore: Double?
    package var lossAfter: Double?
    /// Names of convolutions whose correction was taken back.
    package var rejectedLayers: [String]
    package var rejectsTuning: Bool
}
