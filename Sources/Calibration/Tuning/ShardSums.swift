// SPDX-License-Identifier: Apache-2.0

/// One shard's loss with the biases as they are: the result of a validation round.
package struct LossSums: Hashable, Sendable {
    /// That the sum covers.
    package var images: Int
    /// Over the shard's images, in order.
    package var loss: Double

    /// Memberwise, unchecked.
    package init(images: Int, loss: Double) {
        self.images = images
        self.loss = loss
    }

    /// Adds a shard; in shard order, for the bits.
    package mutating func add(_ other: LossSums) {
        images += other.images
        loss += other.loss
    }
}

/// One shard's loss and its derivative by every bias: the result of a gradient round.
package struct GradientSums: Hashable, Sendable {
    /// That the sums cover.
    package var images: Int
    /// Over the shard's images, in order.
    package var loss: Double
    /// Derivative of the loss by the real bias, summed over the shard's images in order; flat over
    /// the channels of all convolutions.
    package var gradients: [Double]

    /// Memberwise, unchecked.
    package init(images: Int, loss: Double, gradients: [Double]) {
        self.images = images
        self.loss = loss
        self.gradients = gradients
    }

    /// Zero sums over no images, for so many channels of all convolutions.
    package init(channels: Int) {
        self.init(images: 0, loss: 0, gradients: [Double](repeating: 0, count: channels))
    }

    /// Adds a shard of as many channels; in shard order, for the bits.
    package mutating func add(_ other: GradientSums) {
        images += other.images
        loss += other.loss
        for index in gradients.indices { gradients[index] += other.gradients[index] }
    }
}

/// The float network's logits for one shard: the result of the teacher round.
package struct TeacherLogits: Hashable, Sendable {
    /// One array per image, in order.
    package var images: [[Float]]

    /// Memberwise; all arrays are of one length.
    package init(images: [[Float]]) { self.images = images }
}
