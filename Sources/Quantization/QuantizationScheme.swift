// SPDX-License-Identifier: Apache-2.0

/// How many weights share one scale.
package enum Granularity: String, Hashable, Sendable, Codable, CaseIterable {
    /// One scale per layer.
    case tensor
    /// One scale per output channel.
    case channel
}

/// Whether the zero point of weights is fixed.
package enum WeightSymmetry: String, Hashable, Sendable, Codable, CaseIterable {
    /// uint8, range from smallest to largest weight, free zero point.
    case asymmetric
    /// `±(2^(bits-1) - 1)` around the zero point, which is 0 or 128 as ``WeightStorage`` says.
    case symmetric
}

/// The type that symmetric weights are stored in; the integers around the zero point are the same.
package enum WeightStorage: String, Hashable, Sendable, Codable, CaseIterable {
    /// int8, but uint8 in layers that would lose much by ``WeightSaturation/avoid``.
    case automatic = "auto"
    /// Zero point 0: what most runtimes compute fastest.
    case int8
    /// Zero point 128: exact in every runtime.
    case uint8
}

/// What becomes of int8 weights that saturate where processors add two products in 16 bits
/// (``ProductPairs``).
package enum WeightSaturation: String, Hashable, Sendable, Codable, CaseIterable {
    /// No pair of weights can, on activations as large as the calibration images'.
    case avoid
    /// They stay as they are.
    case allow
}

/// What the range behind a weight scale minimizes.
package enum WeightScaleEstimator: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing: the range is that of the weights.
    case minmax
    /// The squared error of the weights.
    case mse
    /// The squared error of the layer's output, every input channel counted by itself: the squared
    /// error of the weights, each times the power of the channel it meets.
    case outputMSE = "output-mse"
}

/// Every choice that turns a float network and its ranges into an integer network.
package struct QuantizationScheme: Hashable, Sendable, Codable {
    /// Of weights; activations have one scale per tensor.
    package var granularity: Granularity
    /// Of weights; activations are asymmetric.
    package var symmetry: WeightSymmetry
    /// In `4...8`; narrower weights use a part of the 8-bit storage type.
    package var weightBits: Int
    /// How weight ranges are found.
    package var weightScale: WeightScaleEstimator
    /// Of symmetric weights; asymmetric ones are uint8.
    package var weightStorage: WeightStorage
    /// Of weights stored as int8.
    package var weightSaturation: WeightSaturation
    /// Stored type of all activations.
    package var activationType: IntegerType
    /// False keeps the network's output in float, as the accumulators times their scale.
    package var quantizesOutput: Bool

    /// ``weightBits`` has to be in `4...8`.
    package init(
        granularity: Granularity = .tensor, symmetry: WeightSymmetry = .asymmetric,
        weightBits: Int = 8, weightScale: WeightScaleEstimator = .minmax,
        weightStorage: WeightStorage = .automatic, weightSaturation: WeightSaturation = .avoid,
        activationType: IntegerType = .uint8, quantizesOutput: Bool = true
    ) {
        precondition((4...8).contains(weightBits))
        self.granularity = granularity
        self.symmetry = symmetry
        self.weightBits = weightBits
        self.weightScale = weightScale
        self.weightStorage = weightStorage
        self.weightSaturation = weightSaturation
        self.activationType = activationType
        self.quantizesOutput = quantizesOutput
    }
}
