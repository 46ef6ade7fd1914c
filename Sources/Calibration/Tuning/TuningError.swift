// SPDX-License-Identifier: Apache-2.0

/// Fine-tuning that cannot start or go on.
package struct TuningError: Error, Hashable, Sendable {
    /// Where a shard's sums stopped being finite.
    package enum Quantity: Hashable, Sendable {
        case loss
        /// Derivative by one bias; `layer` counts convolutions.
        case gradient(layer: Int, channel: Int)
    }

    /// What is wrong; the description says it in a sentence.
    package enum Code: Hashable, Sendable {
        /// An option out of its range.
        case option(field: String, value: String, allowed: String)
        /// NaN or infinity. Epochs and steps within an epoch count from 1; the measurement before
        /// the first epoch is epoch 0, step 0.
        case notFinite(Quantity, epoch: Int, step: Int, shard: Int, images: [Int])
        /// A shard's result covers another number of images than the shard.
        case shardImages(shard: Int, expected: Int, found: Int)
    }

    /// For tests and for callers that act on it; the description is for people.
    package var code: Code

    /// An error of that code, from which its description follows.
    package init(_ code: Code) { self.code = code }
}

extension TuningError: CustomStringConvertible {
    package var description: String {
        switch code {
        case .option(let field, let value, let allowed):
            "fine-tuning's '\(field)' is \(value): give \(allowed)"
        case .notFinite(let quantity, let epoch, let step, let shard, let images):
            "fine-tuning met NaN or infinity in \(quantity.text), \(Self.place(epoch, step)), "
                + "shard \(shard) (images at positions \(Self.list(images)) of the pool): check "
                + "these images and the float network's outputs for them, or lower the learning "
                + "rate; the state before this step is kept"
        case .shardImages(let shard, let expected, let found):
            "a worker returned sums over \(found) images for shard \(shard), which has \(expected): "
                + "run the same version of the program everywhere"
        }
    }

    private static func place(_ epoch: Int, _ step: Int) -> String {
        epoch == 0 ? "before the first epoch" : "epoch \(epoch), step \(step)"
    }

    private static func list(_ images: [Int]) -> String {
        let shown = images.prefix(16).map(String.init).joined(separator: ", ")
        return images.count > 16 ? "\(shown) and \(images.count - 16) more" : shown
    }
}

extension TuningError.Quantity {
    fileprivate var text: String {
        switch self {
        case .loss: "the loss"
        case .gradient(let layer, let channel):
            "the gradient of convolution \(layer), channel \(channel)"
        }
    }
}
