// SPDX-License-Identifier: Apache-2.0

/// Elementwise sum of two values of equal extents (ONNX Add, opset 7).
package struct Add: OperatorForm {
    /// It has no parameters.
    package init() {}

    /// `add`.
    package func kind(input: TensorShape) -> String { "add" }

    /// The extents that both operands have.
    /// - Throws: ``OperatorFault`` where they differ, or there are not two operands.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let (left, right) = try operands.pair()
        guard left == right else { throw OperatorFault("adds \(left) and \(right)") }
        return left
    }

    /// A channel of the sum scales where both operands scale alike.
    package var channelScaling: ChannelScaling { .passesOn }

    /// Where no operand can be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
