// SPDX-License-Identifier: Apache-2.0

/// Mean over all pixels; the result is 1×1×C (ONNX GlobalAveragePool, ReduceMean over height and
/// width).
package struct GlobalAveragePool: OperatorForm {
    package init() {}

    package func kind(input: FeatureShape) -> String { "global average pool" }

    package func outputShape(
        of operands: [FeatureShape], outputChannels: Int
    ) throws(OperatorFault) -> FeatureShape {
        let input = try operands.single()
        try checkAveraged(input.pixels)
        return FeatureShape(height: 1, width: 1, channels: input.channels)
    }

    package var channelScaling: ChannelScaling { .passesOn }
    package var floatPrecision: FloatPrecision { .amongFloats }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
