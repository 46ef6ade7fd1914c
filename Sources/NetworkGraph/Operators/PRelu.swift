// SPDX-License-Identifier: Apache-2.0

/// `x` where it is not negative, else `slope * x` (ONNX PRelu, opset 7 to 16), with one slope, or
/// one for each position of the last axis in memory: the channels of feature maps.
package struct PRelu: OperatorForm, Codable {
    /// One, or one for each channel; finite.
    package var slopes: [Float]

    /// Slopes as given; ``outputShape(of:outputChannels:)`` checks them.
    package init(slopes: [Float]) {
        self.slopes = slopes
    }

    /// Slope of a channel.
    package func slope(_ channel: Int) -> Float { slopes.count == 1 ? slopes[0] : slopes[channel] }

    /// `prelu`.
    package func kind(input: TensorShape) -> String { "prelu" }

    /// As the operand.
    /// - Throws: ``OperatorFault`` where slopes are not finite, or neither one nor one for each
    ///   channel.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let input = try operands.single()
        guard slopes.count == 1 || slopes.count == input.channels,
            slopes.allSatisfy(\.isFinite)
        else {
            throw OperatorFault(
                "has \(slopes.count) slopes for \(input), or one that is not finite")
        }
        return input
    }

    /// A positive factor in front of it is one behind it.
    package var channelScaling: ChannelScaling { .passesOn }
    /// No runtime computes it in integers.
    package var floatPrecision: FloatPrecision { .always }
    /// Where no element of the operand is negative, nor any slope positive on one that is.
    package func isNonNegative(_ operands: [Bool]) -> Bool {
        operands.allSatisfy(\.self) || slopes.allSatisfy { $0 <= 0 }
    }
}
