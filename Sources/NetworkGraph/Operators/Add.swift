// SPDX-License-Identifier: Apache-2.0

/// Elementwise sum of two values of equal extents (ONNX Add, opset 7).
package struct Add: OperatorForm {
    package init() {}

    package func kind(input: TensorShape) -> String { "add" }

    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let (left, right) = try operands.pair()
        guard left == right else { throw OperatorFault("adds \(left) and \(right)") }
        return left
    }

    package var channelScaling: ChannelScaling { .passesOn }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
