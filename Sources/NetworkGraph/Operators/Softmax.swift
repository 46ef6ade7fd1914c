// SPDX-License-Identifier: Apache-2.0

/// `exp(x) / Σ exp(x)` over the last axis in memory, the channels of feature maps (ONNX Softmax,
/// opset 13), where the network goes on behind it; behind its outputs it is
/// ``Graph/OutputFunction``.
package struct Softmax: OperatorForm, Codable {
    /// It has no parameters.
    package init() {}

    /// `softmax`.
    package func kind(input: TensorShape) -> String { "softmax" }

    /// As the operand.
    /// - Throws: ``OperatorFault`` unless it reads one value.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try operands.single()
    }

    /// Values lie between 0 and 1, as quantizers take them.
    package var resultQuantization: ResultQuantization { .fixed(scale: 1 / 256, zeroPoint: 0) }
    /// No runtime computes it in integers between quantizers.
    package var floatPrecision: FloatPrecision { .always }
    /// Always.
    package func isNonNegative(_ operands: [Bool]) -> Bool { true }
}
