// SPDX-License-Identifier: Apache-2.0

/// Mean over all pixels; the result is 1×1×C (ONNX GlobalAveragePool, ReduceMean over height and
/// width).
package struct GlobalAveragePool: OperatorForm {
    /// It has no parameters.
    package init() {}

    /// `global average pool`.
    package func kind(input: TensorShape) -> String { "global average pool" }

    /// Feature maps only.
    package var readsFeatures: Bool { true }

    /// One pixel, with the operand's channels.
    /// - Throws: ``OperatorFault`` where the operand has more pixels than ``SizeLimits/averaged``.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let input = try operands.single()
        try checkAveraged(input.pixels)
        return TensorShape(height: 1, width: 1, channels: input.channels)
    }

    /// Means are those of one channel each.
    package var channelScaling: ChannelScaling { .passesOn }
    /// In float among float values, as runtimes compute means.
    package var floatPrecision: FloatPrecision { .amongFloats }

    /// Where the operand cannot be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
