// SPDX-License-Identifier: Apache-2.0

/// Elementwise product of two values (ONNX Mul, opset 7): of equal extents, or the second 1×1×C and
/// the same for every pixel.
package struct Multiply: OperatorForm {
    /// It has no parameters.
    package init() {}

    /// `multiply`.
    package func kind(input: TensorShape) -> String { "multiply" }

    /// The first operand's extents.
    /// - Throws: ``OperatorFault`` where the second has other ones, and is not one pixel of as many
    ///   channels.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let (left, right) = try operands.pair()
        let pixel = TensorShape(height: 1, width: 1, channels: left.channels)
        guard right == left || right == pixel else {
            throw OperatorFault("multiplies \(left) by \(right)")
        }
        return left
    }

    /// Where no operand can be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
