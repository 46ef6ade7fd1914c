// SPDX-License-Identifier: Apache-2.0

/// Values joined along an axis, in order (ONNX Concat, opset 13).
package struct Concat: OperatorForm {
    /// Position among the axes in memory: 2 for the channels of feature maps.
    package var axis: Int

    package init(axis: Int) {
        self.axis = axis
    }

    package func kind(input: TensorShape) -> String {
        axis == input.axes.count - 1 ? "concat" : "concat, axis \(axis)"
    }

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

    package var selectsValues: Bool { true }
    package var channelScaling: ChannelScaling {
        axis == TensorShape.channelAxis ? .concatenates : .passesOn
    }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
