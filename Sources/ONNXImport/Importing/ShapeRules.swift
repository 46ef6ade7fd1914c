// SPDX-License-Identifier: Apache-2.0

import ONNXModel

/// How operators that only rearrange a tensor change its extents; shared by constants and
/// activations.
enum ShapeRules {
    /// Extents after Reshape (opset 5 and later) to `target`, which may hold one -1 for what is
    /// left and, unless `allowZero`, 0 for "as before".
    static func reshape(
        _ dims: [Int], to target: [Int], allowZero: Bool, at call: OperatorCall
    ) throws(ONNXError) -> [Int] {
        let count = ONNXTensor.count(dims) ?? 0
        var result: [Int] = []
        var open: Int?
        for (index, extent) in target.enumerated() {
            if extent == -1 {
                guard open == nil else { throw call.malformed("has two axes of extent -1.") }
                open = index
                result.append(1)
            } else if extent == 0, !allowZero {
                guard index < dims.count else {
                    throw call.malformed("copies axis \(index), which does not exist.")
                }
                result.append(dims[index])
            } else {
                result.append(extent)
            }
        }
        guard let known = ONNXTensor.count(result) else {
            throw call.malformed("has impossible extents \(target).")
        }
        if let open, known > 0, count % known == 0 { result[open] = count / known }
        guard ONNXTensor.count(result) == count else {
            throw call.malformed("cannot give \(dims) the extents \(target).")
        }
        return result
    }

    /// Extents after Flatten at `axis` (may equal the rank).
    static func flatten(_ dims: [Int], axis: Int, at call: OperatorCall) throws(ONNXError) -> [Int]
    {
        guard (-dims.count...dims.count).contains(axis) else {
            throw call.malformed("axis \(axis) does not exist in a tensor of \(dims.count) axes.")
        }
        let split = axis < 0 ? axis + dims.count : axis
        return [dims[..<split].reduce(1, *), dims[split...].reduce(1, *)]
    }

    /// Extents after Squeeze of `axes`; of all axes of extent 1 where nil.
    static func squeeze(
        _ dims: [Int], axes: [Int]?, at call: OperatorCall
    ) throws(ONNXError) -> [Int] {
        let removed =
            if let axes { try call.axes(axes, rank: dims.count) } else {
                dims.indices.filter { dims[$0] == 1 }
            }
        for axis in removed where dims[axis] != 1 {
            throw call.malformed("squeezes axis \(axis), whose extent is \(dims[axis]).")
        }
        return dims.indices.filter { !removed.contains($0) }.map { dims[$0] }
    }

    /// Extents after Unsqueeze at `axes` of the result.
    static func unsqueeze(_ dims: [Int], axes: [Int], at call: OperatorCall) throws(ONNXError)
        -> [Int]
    {
        guard axes.count <= 16 else { throw call.unsupported("adds \(axes.count) axes.") }
        let added = Set(try call.axes(axes, rank: dims.count + axes.count))
        var rest = dims[...]
        return (0..<dims.count + axes.count).map { added.contains($0) ? 1 : rest.removeFirst() }
    }

    /// The permutation of a Transpose: axis `i` of the result is the operand's axis
    /// `permutation[i]`.
    static func permutation(rank: Int, at call: OperatorCall) throws(ONNXError) -> [Int] {
        guard let permutation = try call.integers("perm") else {
            return (0..<rank).reversed()
        }
        guard permutation.sorted() == Array(0..<rank) else {
            throw call.malformed("cannot permute \(rank) axes by \(permutation).")
        }
        return permutation
    }

    /// Extents of the result of broadcasting two operands (numpy rules).
    static func broadcast(
        _ left: [Int], _ right: [Int], at call: OperatorCall
    ) throws(ONNXError) -> [Int] {
        let rank = max(left.count, right.count)
        var result: [Int] = []
        for axis in 0..<rank {
            let a = axis < rank - left.count ? 1 : left[axis - rank + left.count]
            let b = axis < rank - right.count ? 1 : right[axis - rank + right.count]
            guard a == b || a == 1 || b == 1 else {
                throw call.malformed("cannot combine extents \(left) with \(right).")
            }
            result.append(a == 1 ? b : a)
        }
        return result
    }
}
