// SPDX-License-Identifier: Apache-2.0

/// One round of fine-tuning: a map over groups of images, one shard each.
package struct TuningRound: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The float network's logits of every image.
        case teacher
        /// Sum of the losses with the current biases.
        case validationLoss = "validation-loss"
        /// The same and its derivative by every bias.
        case gradient
    }

    package var kind: Kind
    /// Positions in the pool, one list per shard.
    package var groups: [[Int]]

    package init(kind: Kind, groups: [[Int]]) {
        self.kind = kind
        self.groups = groups
    }
}

/// Results of a round's shards, in shard order.
package enum TuningResults: Hashable, Sendable {
    /// The logits themselves are kept by the caller.
    case teacher
    case losses([LossSums])
    case gradients([GradientSums])
}
