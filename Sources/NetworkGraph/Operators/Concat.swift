// SPDX-License-Identifier: Apache-2.0

/// Values joined along channels, in order (ONNX Concat, opset 13, axis 1 of NCHW).
package struct Concat: OperatorForm {
    package init() {}

    package func kind(input: FeatureShape) -> String { "concat" }

    package func outputShape(
        of operands: [FeatureShape], outputChannels: Int
    ) throws(OperatorFault) -> FeatureShape {
        guard var shape = operands.first else { throw OperatorFault("reads nothing") }
        for other in operands.dropFirst() {
            guard other.height == shape.height, other.width == shape.width else {
                throw OperatorFault("joins \(shape) and \(other) along channels")
            }
            shape.channels += other.channels
        }
        return shape
    }

    package var selectsValues: Bool { true }
    package var channelScaling: ChannelScaling { .concatenates }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
