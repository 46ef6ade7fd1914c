package import NetworkGraph

/// Smallest and largest value of a tensor over the calibration images.
package struct ActivationRange: Hashable, Sendable {
    package var lower: Float
    package var upper: Float

    package init(lower: Float, upper: Float) {
        self.lower = lower
        self.upper = upper
    }
}

extension TensorQuantization {
    /// The asymmetric 8-bit quantization that covers a range (ONNX DynamicQuantizeLinear's rule).
    ///
    /// The range is extended to include 0, so that 0 is exactly representable; `scale = (upper - lower) / 255`,
    /// zero point = round-half-even(-lower / scale), clamped. A range that starts at 0 never ends above `upper`: ReLU6
    /// stays inside [0, 6].
    /// - Parameters:
    ///   - range: finite.
    ///   - type: how values are stored.
    package init(covering range: ActivationRange, type: IntegerType) {
        let lower = min(Double(range.lower), 0)
        let upper = max(Double(range.upper), 0)
        var scale = Float((upper - lower) / 255)
        // A subnormal scale loses precision and its reciprocal overflows.
        if !(scale >= Float.leastNormalMagnitude) { scale = 1 }
        if lower == 0, Double(scale) * 255 > upper, upper > 0 { scale = scale.nextDown }
        let zero = min(max((-lower / Double(scale)).rounded(.toNearestOrEven), 0), 255)
        self.init(scale: scale, zeroPoint: Int(zero) - type.offset, type: type)
    }

    /// Quantized bounds a clamp imposes, as stored by the executor (uint8).
    package func unsignedBounds(lower: Float?, upper: Float?) -> (lower: UInt8, upper: UInt8) {
        func quantize(_ value: Float) -> UInt8 {
            let steps = (Double(value) / Double(scale)).rounded(.toNearestOrEven)
            return UInt8(min(max(steps + Double(unsignedZeroPoint), 0), 255))
        }
        return (lower.map(quantize) ?? 0, upper.map(quantize) ?? 255)
    }
}

extension TensorQuantization {
    /// `scale * (stored - zeroPoint)` for a value as the executor stores it.
    package func real(_ stored: UInt8) -> Float {
        Float(Int(stored) - Int(unsignedZeroPoint)) * scale
    }

    /// QuantizeLinear (opset 13) of a real value, as the executor stores it: `saturate(rint(x / scale) + zero point)`.
    package func stored(_ value: Float) -> UInt8 {
        let steps = (value / scale).rounded(.toNearestOrEven)
        return UInt8(min(max(steps + Float(unsignedZeroPoint), 0), 255))
    }

    /// The same behind a clamp.
    package func stored(_ value: Float, clamp: Clamp) -> UInt8 {
        var value = value
        if let lower = clamp.lower { value = max(value, lower) }
        if let upper = clamp.upper { value = min(value, upper) }
        return stored(value)
    }
}

/// How an activation's range follows from what was observed.
package enum RangeEstimator: Hashable, Sendable, Codable {
    /// From the smallest to the largest value.
    case minmax
    /// Without the outermost values on either side; in `(50, 100]`, the percentage that stays below the upper end.
    case percentile(Double)
    /// The least squared quantization error.
    case mse

    /// Whether it needs more than the extrema.
    package var usesHistogram: Bool { self != .minmax }
}
