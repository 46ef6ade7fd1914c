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
    /// int8 in `±(2^(bits-1) - 1)`, zero point 0.
    case symmetric
}

/// Every choice that turns a float network and its ranges into an integer network.
package struct QuantizationScheme: Hashable, Sendable, Codable {
    package var granularity: Granularity
    package var symmetry: WeightSymmetry
    /// In `4...8`; narrower weights use a part of the 8-bit storage type.
    package var weightBits: Int
    package var activationType: IntegerType
    /// False keeps the network's output in float, as the accumulators times their scale.
    package var quantizesOutput: Bool

    package init(
        granularity: Granularity = .tensor, symmetry: WeightSymmetry = .asymmetric,
        weightBits: Int = 8, activationType: IntegerType = .uint8, quantizesOutput: Bool = true
    ) {
        precondition((4...8).contains(weightBits))
        self.granularity = granularity
        self.symmetry = symmetry
        self.weightBits = weightBits
        self.activationType = activationType
        self.quantizesOutput = quantizesOutput
    }
}
