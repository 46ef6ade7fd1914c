/// 8-bit weights of one convolution, before its bias.
struct QuantizedWeights {
    var values: [Int16]
    var type: IntegerType
    var scales: [Float]
    var zeroPoints: [Int]
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

    /// Scale that makes the group's range fit the levels; 0 for a group of zeros.
    func scale(of weights: ArraySlice<Float>) -> Float {
        let lowest = min(weights.min() ?? 0, 0)
        let highest = max(weights.max() ?? 0, 0)
        switch symmetry {
        case .asymmetric:
            return Float((Double(highest) - Double(lowest)) / Double(levels.upperBound))
        case .symmetric:
            return Float(Double(max(-lowest, highest)) / Double(levels.upperBound))
        }
    }

    func zeroPoint(of weights: ArraySlice<Float>, scale: Float) -> Int {
        guard symmetry == .asymmetric else { return 0 }
        let lowest = Double(min(weights.min() ?? 0, 0))
        let zero = (-lowest / Double(scale)).rounded(.toNearestOrEven)
        return min(max(Int(zero), levels.lowerBound), levels.upperBound)
    }

    /// `clamp(round-half-even(weight / scale) + zeroPoint)`.
    func quantize(_ weight: Float, scale: Float, zeroPoint: Int) -> Int16 {
        let level = Int((weight / scale).rounded(.toNearestOrEven)) + zeroPoint
        return Int16(min(max(level, levels.lowerBound), levels.upperBound))
    }

    /// Quantizes weights, `scales` having one element per group of `weights.count / scales.count`.
    func quantize(_ weights: [Float], scales: [Float]) -> QuantizedWeights {
        let groupSize = weights.count / scales.count
        var values = [Int16]()
        values.reserveCapacity(weights.count)
        var zeroPoints: [Int] = []
        for (group, scale) in scales.enumerated() {
            let slice = weights[group * groupSize..<(group + 1) * groupSize]
            let zero = zeroPoint(of: slice, scale: scale)
            zeroPoints.append(zero)
            for weight in slice { values.append(quantize(weight, scale: scale, zeroPoint: zero)) }
        }
        return QuantizedWeights(values: values, type: type, scales: scales, zeroPoints: zeroPoints)
    }
}
