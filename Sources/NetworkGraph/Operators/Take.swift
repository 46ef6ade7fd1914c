// SPDX-License-Identifier: Apache-2.0

/// Positions of one axis, in any order and any number of times: ONNX's Slice (opset 13), Split
/// (opset 18), Gather of constant indices (opset 13), Tile and Expand (opset 13), and Pad (opset
/// 18) with reflected, repeated or wrapped elements.
package struct Take: Hashable, Sendable, Codable {
    /// Positions along an axis.
    package enum Positions: Hashable, Sendable, Codable {
        /// `first`, `first + step` and so on.
        case spaced(first: Int, step: Int, count: Int)
        /// Any, in this order.
        case listed([Int])

        /// The shortest form of a list.
        package init(_ positions: [Int]) {
            let step = positions.count > 1 ? positions[1] - positions[0] : 1
            let isSpaced = positions.indices.dropFirst().allSatisfy {
                positions[$0] - positions[$0 - 1] == step
            }
            if isSpaced, let first = positions.first {
                self = .spaced(first: first, step: step, count: positions.count)
            } else {
                self = .listed(positions)
            }
        }

        /// How many there are, that is the extent of the result.
        package var count: Int {
            switch self {
            case .spaced(_, _, let count): count
            case .listed(let positions): positions.count
            }
        }

        /// All of them, in order.
        package var list: [Int] {
            switch self {
            case .spaced(let first, let step, let count): (0..<count).map { first + $0 * step }
            case .listed(let positions): positions
            }
        }
    }

    /// Position among the operand's axes in memory.
    package var axis: Int
    /// Each below the operand's extent.
    package var positions: Positions

    /// Positions as given; ``outputShape(of:outputChannels:)`` checks them.
    package init(axis: Int, positions: Positions) {
        self.axis = axis
        self.positions = positions
    }
}

extension Take: DataMovement {
    /// `slice 2..<5`, or `take` and how many.
    package func kind(input: TensorShape) -> String {
        switch positions {
        case .spaced(let first, 1, let count): "slice \(first)..<\(first + count)"
        case .spaced, .listed: "take \(positions.count)"
        }
    }

    /// The operand's extents, along the axis as many as there are positions.
    /// - Throws: ``OperatorFault`` where the operand has no such axis or positions.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        var shape = try operands.single()
        guard shape.axes.indices.contains(axis) else {
            throw OperatorFault("takes from axis \(axis) of \(shape)")
        }
        let inside = 0..<shape.axes[axis]
        let isInside: Bool =
            switch positions {
            case .spaced(let first, let step, let count):
                1...SizeLimits.extent ~= count
                    && -SizeLimits.extent...SizeLimits.extent ~= step && inside.contains(first)
                    && inside.contains(first + (count - 1) * step)
            case .listed(let positions): positions.allSatisfy(inside.contains)
            }
        guard isInside else {
            throw OperatorFault(
                "takes positions outside of axis \(axis) of \(shape), or too many of them")
        }
        shape.axes[axis] = positions.count
        return shape
    }

    /// Channels that are taken come to stand in other places; along other axes each stays its own.
    package var channelScaling: ChannelScaling {
        axis == TensorShape.channelAxis ? .fixes : .passesOn
    }

    /// The positions along the axis, all others whole.
    package func movement(of operand: TensorShape) -> Movement {
        let strides = operand.strides
        var axes = zip(operand.axes, strides).map { Movement.Axis.even(count: $0, step: $1) }
        switch positions {
        case .spaced(let first, let step, let count):
            axes[axis] = .even(count: count, step: step * strides[axis])
            return Movement(base: first * strides[axis], axes)
        case .listed(let positions):
            axes[axis] = .listed(positions.map { $0 * strides[axis] })
            return Movement(axes)
        }
    }
}
