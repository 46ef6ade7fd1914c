// SPDX-License-Identifier: Apache-2.0

/// The operand's axes taken apart, put in another order and joined again: what any sequence of
/// ONNX's Reshape, Transpose, Flatten, Squeeze, Unsqueeze, DepthToSpace and SpaceToDepth amounts
/// to.
package struct Rearrange: Hashable, Sendable, Codable {
    /// The operand's elements as they lie in memory, in axes that are moved as a whole: extents of
    /// at least 2, at most ``largestRank`` of them.
    package var extents: [Int]
    /// Position among `extents` of each axis of the result, outermost first.
    package var permutation: [Int]
    /// Extents of the result: its axes joined.
    package var shape: TensorShape

    /// Most axes that are moved.
    package static let largestRank = 12

    /// Whether every element stays where it is in memory.
    package var isReshape: Bool { permutation.count <= 1 }

    /// - Parameters:
    ///   - extents: any, at least 1 each.
    ///   - permutation: of them.
    ///   - shape: of the result, of as many elements.
    package init(extents: [Int], permutation: [Int], shape: TensorShape) {
        self.shape = shape
        // Axes that stay neighbours move as one, and those of extent 1 do not count.
        let order = permutation.filter { extents[$0] > 1 }
        var groups: [[Int]] = []
        for axis in order {
            let follows = groups.last?.last.map { last in
                last < axis && extents[(last + 1)..<axis].allSatisfy { $0 == 1 }
            }
            if follows == true {
                groups[groups.count - 1].append(axis)
            } else {
                groups.append([axis])
            }
        }
        let ranked = groups.indices.sorted { groups[$0][0] < groups[$1][0] }
        self.extents = ranked.map { groups[$0].reduce(1) { $0 * extents[$1] } }
        var places = [Int](repeating: 0, count: groups.count)
        for (place, group) in ranked.enumerated() { places[group] = place }
        self.permutation = places
    }
}

extension Rearrange: DataMovement {
    /// `reshape` where nothing moves in memory, else `rearrange`.
    package func kind(input: TensorShape) -> String {
        isReshape ? "reshape" : "rearrange"
    }

    /// ``shape``.
    /// - Throws: ``OperatorFault`` where the axes do not hold as many elements as the operand, are
    ///   too many, or the permutation is none.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let input = try operands.single()
        guard extents.count <= Self.largestRank, extents.allSatisfy({ $0 >= 2 }),
            permutation.sorted() == Array(extents.indices), shape.isWithinLimits,
            shape.count == input.count
        else {
            throw OperatorFault(
                "moves axes \(extents) of \(input) in the order \(permutation) to \(shape)")
        }
        var count = 1
        for extent in extents where count <= input.count { count *= min(extent, input.count + 1) }
        guard count == input.count else {
            throw OperatorFault("takes \(input) apart to \(extents)")
        }
        return shape
    }

    /// The axes' elements in the order of the permutation.
    package func movement(of operand: TensorShape) -> Movement {
        let strides = TensorShape(rowMajor: extents).strides
        return Movement(permutation.map { .even(count: extents[$0], step: strides[$0]) })
    }
}
