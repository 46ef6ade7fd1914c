// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// A fixed part of the sorted image list; set by the configuration, never by the workers.
package struct Shard: Hashable, Sendable {
    /// Position in the round.
    package var index: Int
    /// Positions in the image list, in the order in which results are added up.
    package var images: [Int]

    /// Memberwise, unchecked.
    package init(index: Int, images: [Int]) {
        self.index = index
        self.images = images
    }

    /// Cuts `0..<count` into shards of at most `size` images, none of which straddles a boundary.
    /// - Parameters:
    ///   - count: images in all, at least 0.
    ///   - size: at least 1.
    ///   - boundaries: positions inside `0..<count` where a shard must end, such as the number of
    ///     images a later round uses.
    /// - Returns: shards in order, which cover every image once.
    package static func cut(count: Int, size: Int, boundaries: [Int] = []) -> [Shard] {
        precondition(size >= 1)
        var shards: [Shard] = []
        var start = 0
        for end in Set(boundaries.filter { (1..<max(count, 1)).contains($0) } + [count]).sorted() {
            while start < end {
                let next = min(start + size, end)
                shards.append(Shard(index: shards.count, images: Array(start..<next)))
                start = next
            }
        }
        return shards
    }
}

/// Whether bias correction compares means in front of the activation or behind it.
package enum Match: String, Hashable, Sendable, Codable, CaseIterable {
    /// Means before the clamp: a closed form.
    case pre
    /// Means after the clamp and the quantizer: steps from the closed form, taken at once.
    case post
}

/// What a round computes on every shard.
package enum RoundKind: Hashable, Sendable {
    /// Float pass: per-channel sums and extrema of every node.
    case statistics
    /// Float pass: histograms of every node's output, whose bins lie between the node's edges.
    case histograms(edges: [ActivationRange])
    /// Per-channel sums of one convolution in the integer network, whose earlier layers have their
    /// final biases. `layer` is its position among the convolutions.
    case layerSums(layer: Int, match: Match)
    /// Float pass and two integer passes, with the initial and with the corrected biases: error
    /// sums of every convolution.
    case measure
    /// Float pass: the logits of every image, which fine-tuning distils from.
    case teacher
    /// Integer pass: sum of the losses with the biases as they are.
    case loss(TuningLoss)
    /// Integer pass and backward pass: the loss and its derivative by every bias.
    case gradient(TuningLoss)
}

extension RoundKind {
    /// What the network's answers are compared by, in rounds that compare them.
    package var loss: TuningLoss? {
        switch self {
        case .loss(let loss), .gradient(let loss): loss
        case .statistics, .histograms, .layerSums, .measure, .teacher: nil
        }
    }

    /// Whether the round makes or compares logits, for fine-tuning or the held-out check.
    package var comparesLogits: Bool { self == .teacher || loss != nil }

    /// Whether the round runs the integer network.
    package var needsQuantizedNetwork: Bool {
        switch self {
        case .statistics, .histograms, .teacher: false
        case .layerSums, .measure, .loss, .gradient: true
        }
    }

    /// Whether the round looks at the float network's activations through the channel scales of the
    /// network that is quantized.
    package var needsRescaling: Bool {
        switch self {
        case .histograms, .measure: true
        case .statistics, .layerSums, .teacher, .loss, .gradient: false
        }
    }
}

/// What a stage asks for: a round that has no place in the job yet.
package struct RoundRequest: Hashable, Sendable {
    /// What every shard computes.
    package var kind: RoundKind
    /// In the order of their reduction.
    package var shards: [Shard]

    /// Memberwise, unchecked.
    package init(_ kind: RoundKind, _ shards: [Shard]) {
        self.kind = kind
        self.shards = shards
    }

    /// - Parameters:
    ///   - kind: of the round.
    ///   - groups: positions of images, a shard each.
    package init(_ kind: RoundKind, groups: [[Int]]) {
        self.init(kind, groups.enumerated().map { Shard(index: $0, images: $1) })
    }
}

/// One deterministic map over shards, followed by one ordered reduction.
package struct Round: Hashable, Sendable {
    /// Counts up from 0 through the whole job.
    package var index: Int
    /// What every shard computes.
    package var kind: RoundKind
    /// In the order of their reduction.
    package var shards: [Shard]

    /// Memberwise, unchecked.
    package init(index: Int, kind: RoundKind, shards: [Shard]) {
        self.index = index
        self.kind = kind
        self.shards = shards
    }
}
