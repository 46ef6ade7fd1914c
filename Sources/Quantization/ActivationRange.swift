// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// Smallest and largest value of a tensor over the calibration images.
package struct ActivationRange: Hashable, Sendable {
    /// Not above `upper`, except where no image was seen: then it is infinity.
    package var lower: Float
    /// Minus infinity where no image was seen.
    package var upper: Float

    /// Memberwise; infinite and NaN bounds are refused when a network is quantized.
    package init(lower: Float, upper: Float) {
        self.lower = lower
        self.upper = upper
    }
}

extension ActivationRange {
    /// The range whose quantization represents a known set of values with the least squared error:
    /// the values' own, or the narrowest around them that puts zero on one of the 256 steps.
    ///
    /// Pixels as `x / 127.5 - 1` all lie half a step between the steps of their own range, [-1, 1].
    /// A range wider by 1/255 has a third of the squared error.
    /// - Parameter values: each finite.
    package init(representing values: [Float]) {
        let own = ActivationRange(
            lower: min(values.min() ?? 0, 0), upper: max(values.max() ?? 0, 0))
        let candidates = [own] + (0...255).compactMap { own.widened(zeroPoint: $0) }
        let errors = candidates.map { candidate in
            let quantization = TensorQuantization(covering: candidate, type: .uint8)
            return values.reduce(0.0) { sum, value in
                let error = Double(quantization.real(quantization.stored(value))) - Double(value)
                return sum + error * error
            }
        }
        self = zip(candidates, errors).min { $0.1 < $1.1 }?.0 ?? own
    }

    /// The narrowest range around this one whose zero point is as given; nil where none is, and
    /// where it would leave Float.
    private func widened(zeroPoint: Int) -> ActivationRange? {
        let (below, above) = (Double(zeroPoint), Double(255 - zeroPoint))
        let scale = max(
            lower < 0 ? Double(-lower) / below : 0, upper > 0 ? Double(upper) / above : 0)
        guard scale.isFinite, scale > 0 else { return nil }
        let range = ActivationRange(lower: Float(-scale * below), upper: Float(scale * above))
        return range.lower.isFinite && range.upper.isFinite ? range : nil
    }
}

extension TensorQuantization {
    /// The asymmetric 8-bit quantization that covers a range (ONNX DynamicQuantizeLinear's rule).
    ///
    /// The range is extended to include 0, so that 0 is exactly representable; `scale = (upper -
    /// lower) / 255`, zero point = round-half-even(-lower / scale), clamped. A range that starts at
    /// 0 never ends above `upper`: ReLU6 stays inside [0, 6].
    /// - Parameters:
    ///   - range: finite; traps where a bound is NaN.
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

    /// Quantized bounds a clamp imposes, as stored by the executor (uint8). No bound is NaN, and
    /// the lower one not above the upper one: kernels take them as they are.
    package func unsignedBounds(lower: Float?, upper: Float?) -> (lower: UInt8, upper: UInt8) {
        func quantize(_ value: Float) -> UInt8 {
            let steps = (Double(value) / Double(scale)).rounded(.toNearestOrEven)
            return UInt8(min(max(0, steps + Double(unsignedZeroPoint)), 255))
        }
        return (lower.map(quantize) ?? 0, upper.map(quantize) ?? 255)
    }
}

extension TensorQuantization {
    /// `scale * (stored - zeroPoint)` for a value as the executor stores it.
    package func real(_ stored: UInt8) -> Float {
        Float(Int(stored) - Int(unsignedZeroPoint)) * scale
    }

    /// QuantizeLinear (opset 13) of a real value, as the executor stores it: `saturate(rint(x /
    /// scale) + zero point)`. NaN gives 0, as in the kernels.
    package func stored(_ value: Float) -> UInt8 {
        let steps = (value / scale).rounded(.toNearestOrEven)
        // Max first: it turns a NaN into 0.
        return UInt8(min(max(0, steps + Float(unsignedZeroPoint)), 255))
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
    /// Without the outermost values on either side; in `(50, 100]`, the percentage that stays below
    /// the upper end.
    case percentile(Double)
    /// The least squared quantization error.
    case mse

    /// Whether it needs more than the extrema.
    package var usesHistogram: Bool { self != .minmax }
}
