// SPDX-License-Identifier: Apache-2.0

/// A constant around the operand (ONNX Pad, opset 18, mode constant). Where nothing but windows
/// read it, the importer makes it part of them instead.
package struct ConstantPad: Hashable, Sendable, Codable {
    /// Positions added in front of each axis in memory, at least 0.
    package var before: [Int]
    /// Behind each axis.
    package var after: [Int]
    /// Finite; quantized as the operand is.
    package var value: Float

    /// A pad as given; ``outputShape(of:outputChannels:)`` checks it.
    package init(before: [Int], after: [Int], value: Float) {
        self.before = before
        self.after = after
        self.value = value
    }
}

extension ConstantPad: DataMovement {
    /// `pad`, with the constant.
    package func kind(input: TensorShape) -> String { "pad \(value)" }

    /// The operand's extents and what is added in front and behind.
    /// - Throws: ``OperatorFault`` where widths are not one per axis and in
    ///   `0...SizeLimits.extent`, or the constant is not finite.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        var shape = try operands.single()
        guard before.count == shape.axes.count, after.count == before.count, value.isFinite,
            (before + after).allSatisfy({ 0...SizeLimits.extent ~= $0 })
        else { throw OperatorFault("pads \(shape) by \(before) and \(after) with \(value)") }
        for axis in shape.axes.indices { shape.axes[axis] += before[axis] + after[axis] }
        return shape
    }

    /// The constant.
    package var filler: Float { value }
    /// Never, since the constant is none of its elements.
    package var selectsValues: Bool { false }
    /// Zeros around pixels go with any scale; another constant, or added channels, do not.
    package var channelScaling: ChannelScaling {
        value == 0 && before.last == 0 && after.last == 0 ? .passesOn : .fixes
    }

    /// The operand in the middle, the filler around it.
    package func movement(of operand: TensorShape) -> Movement {
        let strides = operand.strides
        return Movement(
            operand.axes.indices.map { axis in
                let inside = operand.axes[axis]
                if before[axis] == 0, after[axis] == 0 {
                    return .even(count: inside, step: strides[axis])
                }
                return .listed(
                    [Int?](repeating: nil, count: before[axis])
                        + (0..<inside).map { $0 * strides[axis] }
                        + [Int?](repeating: nil, count: after[axis]))
            })
    }
}
