// SPDX-License-Identifier: Apache-2.0

/// An operator whose result holds elements of its operand, or a constant, and computes nothing:
/// scale, zero point and bits go along.
package protocol DataMovement: OperatorForm {
    /// Where each element of the result comes from.
    /// - Parameter operand: extents that ``OperatorForm/outputShape(of:outputChannels:)`` takes.
    /// - Returns: as many positions as the result has elements.
    func movement(of operand: TensorShape) -> Movement

    /// What stands where no element of the operand does.
    var filler: Float { get }
}

extension DataMovement {
    /// 0, where movements take every element from the operand.
    package var filler: Float { 0 }
    /// The operand's, since elements keep their bits.
    package var resultQuantization: ResultQuantization { .operand }
    /// Every element is one of the operand; what adds others says so.
    package var selectsValues: Bool { true }
    /// In float among float values, since elements are only moved.
    package var floatPrecision: FloatPrecision { .amongFloats }
    /// Where neither the operand nor the filler can be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool {
        filler >= 0 && operands.allSatisfy(\.self)
    }
}

/// Positions of the elements of a result among those of an operand, both in memory: the sum of
/// ``base`` and one offset for each axis of the result.
package struct Movement: Hashable, Sendable {
    /// Offsets of one axis of the result.
    package enum Axis: Hashable, Sendable {
        /// `k * step` for each `k` below `count`.
        case even(count: Int, step: Int)
        /// One for each position; nil where the filler stands.
        case listed([Int?])

        /// Extent of the result.
        package var count: Int {
            switch self {
            case .even(let count, _): count
            case .listed(let offsets): offsets.count
            }
        }
    }

    /// Position of the result's first element, but for what the axes add.
    package let base: Int
    /// Outermost first.
    package private(set) var axes: [Axis] = []

    /// Joins axes that are one in memory, and leaves out those of one position.
    package init(base: Int = 0, _ axes: [Axis]) {
        self.base = base
        for axis in axes {
            switch (self.axes.last, axis) {
            case (_, .even(count: 1, _)): continue
            case (.even(let outer, let stride), .even(let inner, let step))
            where stride == inner * step:
                self.axes[self.axes.count - 1] = .even(count: outer * inner, step: step)
            default: self.axes.append(axis)
            }
        }
    }

    /// Whether every element of an operand of `count` elements stays where it is.
    package func isIdentity(count: Int) -> Bool {
        base == 0 && (count == 1 ? axes.isEmpty : axes == [.even(count: count, step: 1)])
    }
}
