/// int32 biases and the accumulators they are added to.
package enum BiasQuantization {
    /// Largest magnitude a freshly quantized bias may have: leaves room for corrections and for the sum itself.
    static let headroom = Double(1 << 29)

    /// Scale of a bias, and of the accumulator it is added to: the float product the deployed runtime forms.
    package static func scale(input: Float, weight: Float) -> Float { input * weight }

    /// `round-half-even(value / scale)`, or nil when it leaves the range of int32.
    package static func quantize(_ value: Double, scale: Float) -> Int32? {
        let steps = (value / Double(scale)).rounded(.toNearestOrEven)
        guard steps.isFinite, abs(steps) <= Double(Int32.max) else { return nil }
        return Int32(steps)
    }

    /// Smallest weight scale with which `bias` stays within the headroom.
    static func leastWeightScale(bias: Float, inputScale: Float) -> Float {
        Float(Double(abs(bias)) / (Double(inputScale) * headroom)).nextUp
    }

    /// The first channel whose accumulator could leave int32 for some input, or nil if none can.
    ///
    /// Bound per channel: `Σ|w - zeroPoint| * max(zx, 255 - zx) + |bias|`.
    package static func firstOverflow(
        parameters: QuantizedParameters, inputZeroPoint: UInt8
    ) -> Int? {
        let reach = Int64(max(inputZeroPoint, 255 - inputZeroPoint))
        let channels = parameters.bias.count
        let taps = parameters.weights.count / channels
        for channel in 0..<channels {
            let zero = Int64(parameters.zeroPoint(channel: channel))
            var sum: Int64 = 0
            for index in channel * taps..<(channel + 1) * taps {
                sum += abs(Int64(parameters.weights[index]) - zero)
            }
            let bound = sum * reach + Int64(parameters.bias[channel].magnitude)
            if bound > Int64(Int32.max) { return channel }
        }
        return nil
    }
}
