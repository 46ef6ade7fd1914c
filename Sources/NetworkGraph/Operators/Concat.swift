// SPDX-License-Identifier: Apache-2.0

/// Values joined along an axis, in order (ONNX Concat, opset 13).
package struct Concat: OperatorForm {
    /// Position among the axes in memory: 2 for the channels of feature maps.
    package var axis: Int

    /// A join as given; ``outputShape(of:outputChannels:)`` checks it.
    package init(axis: Int) {
        self.axis = axis
    }

    /// `concat`, with the axis where it is not the last.
    package func kind(input: TensorShape) -> String {
        axis == input.axes.count - 1 ? "concat" : "concat, axis \(axis)"
    }

    /// The operands' extents, those along the axis added up.
    /// - Throws: ``OperatorFault`` where there are no operands, no such axis, or other extents
    ///   differ.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        guard var shape = operands.first else { throw OperatorFault("reads nothing") }
        guard shape.axes.indices.contains(axis) else {
            throw OperatorFault("joins values of \(shape) along axis \(axis)")
        }
        for other in operands.dropFirst() {
            var alike = other
            if alike.axes.indices.contains(axis) { alike.axes[axis] = shape.axes[axis] }
            guard alike == shape else {
                throw OperatorFault("joins \(shape) and \(other) along axis \(axis)")
            }
            shape.axes[axis] += other.axes[axis]
        }
        return shape
    }

    /// Every element is one of an operand.
    package var selectsValues: Bool { true }
    /// Channels follow each other, or are the same in all operands along another axis.
    package var channelScaling: ChannelScaling {
        axis == TensorShape.channelAxis ? .concatenates : .passesOn
    }

    /// Where no operand can be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
