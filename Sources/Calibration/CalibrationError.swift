// SPDX-License-Identifier: Apache-2.0

import Kernels

/// Calibration that cannot go on.
package struct CalibrationError: Error, Hashable, Sendable {
    /// What is wrong; the description says it in a sentence.
    package enum Code: Hashable, Sendable {
        /// A shard result has the wrong size for this network.
        case malformedResult(expected: Int, found: Int)
        /// An image's pixels do not fit the network's input.
        case inputSize(image: Int, expected: Int, found: Int)
        /// A target that is no logits or label of this network.
        case target(image: Int)
        /// Labels for a network of so many outputs.
        case labelledOutputs(Int)
        /// No image is left for corrections.
        case guardImages(Int, pool: Int)
        /// Bins for another network.
        case edges(expected: Int, found: Int)
        /// A shard to compute that does not belong to this network, or came without its images.
        case taskMismatch(String)
        /// More values in the window of a maximum than fine-tuning tells apart.
        case pooledValues(Int, layer: String)
        /// The images do not reach for what was asked.
        case noImages
        /// A checkpoint that does not belong to this network.
        case checkpointMismatch(field: String)
    }

    /// For tests and for callers that act on it; the description is for people.
    package var code: Code

    /// An error of that code, from which its description follows.
    package init(_ code: Code) { self.code = code }
}

extension CalibrationError: CustomStringConvertible {
    package var description: String {
        switch code {
        case .malformedResult(let expected, let found):
            "a worker returned \(found) bytes where this network's result has \(expected)"
        case .inputSize(let image, let expected, let found):
            "image \(image) has \(found) values where the network's input takes \(expected)"
        case .target(let image):
            "the target of image \(image) does not fit the network's output"
        case .labelledOutputs(let count):
            "the network has \(count) outputs, and labels belong to one of class scores: choose the "
                + "loss 'kl' or 'relative-l2', which need none"
        case .guardImages(let held, let pool):
            "\(held) images are to be held out of the corrections, but the pool has \(pool)"
        case .edges(let expected, let found):
            "histograms of \(found) nodes were asked for where the network has \(expected)"
        case .taskMismatch(let difference):
            "the task does not fit this network: \(difference)"
        case .pooledValues(let count, let layer):
            "layer '\(layer)' takes the maximum of \(count) values, and fine-tuning finds the largest of "
                + "at most \(IntegerKernels.mostIndexedTaps): choose method 'ibc'"
        case .noImages:
            "calibration needs at least one image"
        case .checkpointMismatch(let field):
            "the checkpoint does not fit this network: \(field) differs"
        }
    }
}
