// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// What an operator that only moves data makes of a value: element by element, from the indices
/// along each axis.
/// - Parameters:
///   - values: of the operand, in order of memory.
///   - operation: rearrange, take, pad or resize.
///   - shape: extents of the operand.
///   - filler: what a pad puts around it.
/// - Returns: the result; nil for any other operation.
package func moved<Element>(
    _ values: [Element], by operation: Operation, _ shape: TensorShape, filler: Element
) -> [Element]? {
    switch operation {
    case .rearrange(let rearrange):
        let extents = rearrange.permutation.map { rearrange.extents[$0] }
        return indices(extents).map { index in
            var source = [Int](repeating: 0, count: index.count)
            for (place, axis) in rearrange.permutation.enumerated() { source[axis] = index[place] }
            return values[offset(source, rearrange.extents)]
        }
    case .take(let take):
        var extents = shape.axes
        extents[take.axis] = take.positions.count
        return indices(extents).map { index in
            var source = index
            source[take.axis] = take.positions.list[index[take.axis]]
            return values[offset(source, shape.axes)]
        }
    case .pad(let pad):
        let extents = shape.axes.indices.map { shape.axes[$0] + pad.before[$0] + pad.after[$0] }
        return indices(extents).map { index in
            let source = zip(index, pad.before).map { $0 - $1 }
            let isInside = zip(source, shape.axes).allSatisfy { 0..<$1 ~= $0 }
            return isInside ? values[offset(source, shape.axes)] : filler
        }
    case .resize(let resize):
        return resize.rows(of: shape.height).flatMap { row in
            resize.columns(of: shape.width).flatMap { column in
                (0..<shape.channels).map { values[offset([row, column, $0], shape.axes)] }
            }
        }
    default: return nil
    }
}

/// All indices into a tensor, row-major.
private func indices(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { outer, extent in
        outer.flatMap { index in (0..<extent).map { index + [$0] } }
    }
}

private func offset(_ index: [Int], _ extents: [Int]) -> Int {
    zip(index, extents).reduce(0) { $0 * $1.1 + $1.0 }
}

/// Values joined along an axis, element by element.
package func joined<Element>(
    _ parts: [[Element]], _ shapes: [TensorShape], axis: Int
) -> [Element] {
    var extents = shapes[0].axes
    extents[axis] = shapes.reduce(0) { $0 + $1.axes[axis] }
    return indices(extents).map { index in
        var index = index
        for (part, shape) in zip(parts, shapes) {
            if index[axis] < shape.axes[axis] { return part[offset(index, shape.axes)] }
            index[axis] -= shape.axes[axis]
        }
        preconditionFailure("beyond the last part")
    }
}
