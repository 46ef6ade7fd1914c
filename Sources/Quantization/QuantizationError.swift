// SPDX-License-Identifier: Apache-2.0

/// A network or its calibration data that cannot be quantized.
package struct QuantizationError: Error, Hashable, Sendable {
    /// What is wrong; the description says what to do.
    package enum Code: Hashable, Sendable {
        /// A value was infinite or NaN on the calibration images.
        case nonFiniteRange(lower: Float, upper: Float)
        /// An int32 accumulator could overflow.
        case accumulatorOverflow(channel: Int)
        /// More products per output than an int32 sum of any 8-bit values holds.
        case reductionTooLong(taps: Int, limit: Int)
        /// A bias whose scale, a product, is 0 or infinite in Float.
        case biasScale(channel: Int, scale: Float)
        /// A float output of a node without accumulators.
        case floatOutput
    }

    /// For tests and for callers that act on it; the description is for people.
    package var code: Code
    /// Name of the layer or value.
    package var layer: String

    /// Of that code, at that layer or value.
    package init(_ code: Code, layer: String) {
        self.code = code
        self.layer = layer
    }
}

extension QuantizationError: CustomStringConvertible {
    package var description: String {
        switch code {
        case .nonFiniteRange(let lower, let upper):
            "layer '\(layer)': the calibration images give values from \(Self.text(lower)) to "
                + "\(Self.text(upper)); the float "
                + "network itself overflows, so check the preprocessing (mean, std, channel order)"
        case .reductionTooLong(let taps, let limit):
            "layer '\(layer)' sums \(taps) products per output; int32 accumulators hold any \(limit) of "
                + "8 bits, so this layer cannot be quantized"
        case .accumulatorOverflow(let channel):
            "layer '\(layer)', channel \(channel): the int32 accumulator could overflow with these "
                + "weights and bias; use per-channel weights or fewer weight bits"
        case .biasScale(let channel, let scale):
            "layer '\(layer)', channel \(channel): the scale of the bias, input times weight scale, is "
                + "\(scale); fine-tuning needs one that is finite and above 0: choose method 'ibc'"
        case .floatOutput:
            "layer '\(layer)': only a convolution, a fully connected layer or an average at the end can have a "
                + "float output; the quantizer behind this one is missing"
        }
    }

    /// NaN has a sign, which depends on the processor and says nothing.
    private static func text(_ value: Float) -> String { value.isNaN ? "nan" : "\(value)" }
}
