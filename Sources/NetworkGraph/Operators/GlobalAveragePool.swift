// SPDX-License-Identifier: Apache-2.0

/// Mean over all pixels; the result is 1×1×C (ONNX GlobalAveragePool, ReduceMean over height and
/// width).
package struct GlobalAveragePool: OperatorForm {
    package init() {}

    package func kind(input: TensorShape) -> String { "global average pool" }

    package var readsFeatures: Bool { true }

    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let input = try operands.single()
        try checkAveraged(input.pixels)
        return TensorShape(height: 1, width: 1, channels: input.channels)
    }

    package var channelScaling: ChannelScaling { .passesOn }
    package var floatPrecision: FloatPrecision { .amongFloats }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
