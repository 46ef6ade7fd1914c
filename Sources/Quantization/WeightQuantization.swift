/// 8-bit weights of one convolution, before its bias.
struct QuantizedWeights {
    var values: [Int16]
    var type: IntegerType
    var scales: [Float]
    var zeroPoints: [Int]
}

/// What a group of weights that share a scale has to cover; contains 0.
struct WeightRange: Hashable {
    var lowest: Float
    var highest: Float

    /// From the smallest to the largest weight.
    init(of weights: ArraySlice<Float>) {
        lowest = min(weights.min() ?? 0, 0)
        highest = max(weights.max() ?? 0, 0)
    }

    init(lowest: Float, highest: Float) {
        self.lowest = lowest
        self.highest = highest
    }
}

/// Scale and zero point for a group of weights.
struct WeightQuantizer {
    let symmetry: WeightSymmetry
    let bits: Int

    var type: IntegerType { symmetry == .symmetric ? .int8 : .uint8 }
    var levels: ClosedRange<Int> {
        switch symmetry {
        case .asymmetric: 0...((1 << bits) - 1)
        case .symmetric: -((1 << (bits - 1)) - 1)...((1 << (bits - 1)) - 1)
        }
    }

    /// Scale that makes the range fit the levels; 0 for an empty range.
    func scale(of range: WeightRange) -> Float {
        switch symmetry {
        case .asymmetric:
            Float((Double(range.highest) - Double(range.lowest)) / Double(levels.upperBound))
        case .symmetric:
            Float(Double(max(-range.lowest, range.highest)) / Double(levels.upperBound))
        }
    }

    func zeroPoint(of range: WeightRange, scale: Float) -> Int {
        guard symmetry == .asymmetric else { return 0 }
        let zero = (-Double(range.lowest) / Double(scale)).rounded(.toNearestOrEven)
        return min(max(Int(zero), levels.lowerBound), levels.upperBound)
    }

    /// `clamp(round-half-even(weight / scale) + zeroPoint)`.
    func quantize(_ weight: Float, scale: Float, zeroPoint: Int) -> Int16 {
        let level = (weight / scale).rounded(.toNearestOrEven) + Float(zeroPoint)
        return Int16(min(max(level, Float(levels.lowerBound)), Float(levels.upperBound)))
    }

    /// Quantizes weights in groups of `weights.count / ranges.count`, each with its own range and scale.
    /// - Parameters:
    ///   - weights: of one convolution.
    ///   - ranges: one per group.
    ///   - scales: as many, positive.
    /// - Returns: as many weights, and the zero point of each group.
    func quantize(
        _ weights: [Float], ranges: [WeightRange], scales: [Float]
    ) -> QuantizedWeights {
        let groupSize = weights.count / scales.count
        var values = [Int16]()
        values.reserveCapacity(weights.count)
        var zeroPoints: [Int] = []
        for (group, scale) in scales.enumerated() {
            let zero = zeroPoint(of: ranges[group], scale: scale)
            zeroPoints.append(zero)
            for weight in weights[group * groupSize..<(group + 1) * groupSize] {
                values.append(quantize(weight, scale: scale, zeroPoint: zero))
            }
        }
        return QuantizedWeights(values: values, type: type, scales: scales, zeroPoints: zeroPoints)
    }
}
