// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Operators on constants that select, repeat or join elements.
extension ConstantFolding {
    static let selections: [String: Rule] = [
        "Gather": one(gather), "GatherElements": one(gatherElements), "GatherND": one(gatherPoints),
        "ScatterND": one(scatterPoints), "Slice": one(slice), "Split": split, "Concat": one(concat),
        "Tile": one(tile), "Trilu": one(triangle),
        "Transpose": one { (inputs) throws(ONNXError) in
            let tensor = try inputs[0]
            return try transpose(
                tensor, ShapeRules.permutation(rank: tensor.dims.count, at: inputs.call),
                at: inputs.call)
        },
        "Expand": one { (inputs) throws(ONNXError) in
            let tensor = try inputs[0]
            let dims = try ShapeRules.broadcast(tensor.dims, inputs.integers(1), at: inputs.call)
            return try expand(tensor, to: dims, at: inputs.call)
        },
    ]

    /// Collects elements: along axis `i` of the result, position `p` contributes `offsets[i][p]` to
    /// the index of the element taken; below 0 it is `fill`, or 0.
    static func collect(
        _ tensor: ONNXTensor, offsets: [[Int]], fill: ONNXTensor? = nil, at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        let dims = offsets.map(\.count)
        let count = try computable(dims, from: tensor.count, at: call)
        func taken<Value>(_ values: [Value], _ fill: Value) -> [Value] {
            var result: [Value] = []
            result.reserveCapacity(count)
            values.withUnsafeBufferPointer { values in
                forEachSum(of: offsets) { result.append($0 < 0 ? fill : values[$0]) }
            }
            return result
        }
        let elements: ONNXTensor.Elements =
            switch tensor.elements {
            case .reals(let values): .reals(taken(values, fill?.reals?.first ?? 0))
            case .integers(let values): .integers(taken(values, fill?.integers?.first ?? 0))
            }
        return ONNXTensor(type: tensor.type, dims: dims, elements: elements)
    }

    /// The sums of one offset of every axis, row-major.
    static func sums(of offsets: [[Int]]) -> [Int] {
        var sums: [Int] = []
        forEachSum(of: offsets) { sums.append($0) }
        return sums
    }

    private static func forEachSum(of offsets: [[Int]], _ body: (Int) -> Void) {
        guard !offsets.contains(where: \.isEmpty) else { return }
        guard let inner = offsets.last else { return body(0) }
        let outer = offsets.dropLast()
        var position = [Int](repeating: 0, count: outer.count)
        while true {
            let base = zip(outer, position).reduce(0) { $0 + $1.0[$1.1] }
            for offset in inner { body(base + offset) }
            var axis = outer.count - 1
            while axis >= 0 {
                position[axis] += 1
                if position[axis] < outer[axis].count { break }
                position[axis] = 0
                axis -= 1
            }
            if axis < 0 { return }
        }
    }

    /// Row-major distance between neighbours along each axis.
    static func strides(_ dims: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: dims.count)
        for axis in dims.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * dims[axis + 1]
        }
        return strides
    }

    static func steps(_ count: Int, _ stride: Int) -> [Int] {
        (0..<count).map { $0 * stride }
    }

    static func transpose(
        _ tensor: ONNXTensor, _ permutation: [Int], at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        let strides = strides(tensor.dims)
        return try collect(
            tensor, offsets: permutation.map { steps(tensor.dims[$0], strides[$0]) }, at: call)
    }

    static func expand(
        _ tensor: ONNXTensor, to dims: [Int], at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        guard tensor.dims != dims else { return tensor }
        _ = try computable(dims, from: tensor.count, at: call)
        let strides = strides(tensor.dims)
        let added = dims.count - tensor.dims.count
        let offsets = dims.indices.map { axis in
            axis < added || tensor.dims[axis - added] == 1
                ? [Int](repeating: 0, count: dims[axis])
                : steps(dims[axis], strides[axis - added])
        }
        return try collect(tensor, offsets: offsets, at: call)
    }

    /// The positions of each axis that are taken; axes without an entry stay whole.
    private static func taking(
        _ positions: [Int: [Int]], of tensor: ONNXTensor, at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        let offsets = zip(tensor.dims, strides(tensor.dims)).enumerated().map { axis, each in
            positions[axis]?.map { $0 * each.1 } ?? steps(each.0, each.1)
        }
        return try collect(tensor, offsets: offsets, at: call)
    }

    private static func gather(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let tensor = try inputs[0]
        let (axis, positions, indices) = try SelectionRules.gather(tensor.dims, inputs)
        var result = try taking([axis: positions], of: tensor, at: inputs.call)
        result.dims.replaceSubrange(axis...axis, with: indices)
        return result
    }

    private static func slice(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let tensor = try inputs[0]
        return try taking(
            SelectionRules.slice(tensor.dims, inputs), of: tensor, at: inputs.call)
    }

    private static func concat(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let first = try inputs[0]
        guard let given = try call.integer("axis") else { throw call.malformed("names no axis.") }
        let axis = try call.axis(given, rank: first.dims.count)
        let outer = first.dims[..<axis].reduce(1, *)
        var dims = first.dims
        dims[axis] = 0
        var parts: [ONNXTensor] = []
        for index in inputs.values.indices {
            let part = try inputs[index]
            var expected = first.dims
            if axis < part.dims.count { expected[axis] = part.dims[axis] }
            guard part.dims == expected, part.type == first.type else {
                throw call.malformed("cannot join \(first.dims) and \(part.dims).")
            }
            dims[axis] += part.dims[axis]
            parts.append(part)
        }
        _ = try computable(dims, from: parts.map(\.count).max() ?? 0, at: call)
        func join<Value>(_ values: (ONNXTensor) -> [Value]) -> [Value] {
            (0..<outer).flatMap { row in
                parts.flatMap { part in
                    let length = part.count / outer
                    return values(part)[row * length..<(row + 1) * length]
                }
            }
        }
        let elements: ONNXTensor.Elements =
            first.type.isReal
            ? .reals(outer == 0 ? [] : join { $0.reals ?? [] })
            : .integers(outer == 0 ? [] : join { $0.integers ?? [] })
        return ONNXTensor(type: first.type, dims: dims, elements: elements)
    }

    private static let split: Rule = { (inputs: Operands) throws(ONNXError) in
        let tensor = try inputs[0]
        let (axis, parts) = try SelectionRules.split(tensor.dims, inputs)
        var result: [ONNXTensor] = []
        for part in parts {
            result.append(try taking([axis: part], of: tensor, at: inputs.call))
        }
        return result
    }

    private static func tile(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let tensor = try inputs[0]
        let repeats = try inputs.integers(1)
        _ = try computable(
            zip(tensor.dims, repeats).map { $0 &* $1 }, from: tensor.count, at: inputs.call)
        return try taking(SelectionRules.tile(tensor.dims, inputs), of: tensor, at: inputs.call)
    }

    /// The upper or lower triangle of matrices, zeros elsewhere; diagonal `k`.
    private static func triangle(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let tensor = try inputs[0]
        guard tensor.dims.count >= 2 else { throw inputs.call.malformed("its input is no matrix.") }
        let isUpper = try inputs.call.flag("upper", default: true)
        let diagonal = inputs.optional(1) == nil ? 0 : try inputs.integer(1)
        let (rows, columns) = (
            tensor.dims[tensor.dims.count - 2], tensor.dims[tensor.dims.count - 1]
        )
        let indices = (0..<tensor.count).map { index in
            let (row, column) = (index / columns % max(rows, 1), index % columns)
            let above = column - row
            return (isUpper ? above >= diagonal : above <= diagonal) ? index : -1
        }
        return tensor.taking(indices, dims: tensor.dims)
    }

    // MARK: Indexed by tensors

    private static func gatherElements(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let (tensor, positions) = (try inputs[0], try inputs[1])
        let axis = try call.axis(call.integer("axis") ?? 0, rank: tensor.dims.count)
        let extent = tensor.dims[axis]
        let fits = positions.dims.indices.allSatisfy {
            $0 == axis || positions.dims[$0] <= tensor.dims[$0]
        }
        guard positions.dims.count == tensor.dims.count, fits else {
            throw call.malformed("indices of \(positions.dims) do not fit \(tensor.dims).")
        }
        let strides = strides(tensor.dims)
        var offsets = zip(positions.dims, strides).map { steps($0, $1) }
        offsets[axis] = [Int](repeating: 0, count: positions.dims[axis])
        var indices = sums(of: offsets)
        for (place, position) in try inputs.integers(1).enumerated() {
            guard (-extent..<extent).contains(position) else {
                throw call.malformed("index \(position) is outside of an axis of \(extent).")
            }
            indices[place] += (position < 0 ? position + extent : position) * strides[axis]
        }
        return tensor.taking(indices, dims: positions.dims)
    }

    /// Where the slices begin that the rows of operand 1 name, and their extents.
    private static func points(
        _ inputs: Operands
    ) throws(ONNXError) -> (starts: [Int], slice: [Int]) {
        let call = inputs.call
        let (tensor, positions) = (try inputs[0], try inputs[1])
        guard try call.integer("batch_dims") ?? 0 == 0 else {
            throw call.unsupported("batch_dims is not supported.")
        }
        guard let depth = positions.dims.last, 1...max(tensor.dims.count, 1) ~= depth else {
            throw call.malformed("indices of \(positions.dims) do not fit \(tensor.dims).")
        }
        let strides = strides(tensor.dims)
        let values = try inputs.integers(1)
        var starts: [Int] = []
        for row in 0..<positions.count / depth {
            var start = 0
            for axis in 0..<depth {
                let (position, extent) = (values[row * depth + axis], tensor.dims[axis])
                guard (-extent..<extent).contains(position) else {
                    throw call.malformed("index \(position) is outside of an axis of \(extent).")
                }
                start += (position < 0 ? position + extent : position) * strides[axis]
            }
            starts.append(start)
        }
        return (starts, Array(tensor.dims[depth...]))
    }

    private static func gatherPoints(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let (starts, slice) = try points(inputs)
        let dims = try inputs[1].dims.dropLast() + slice
        _ = try computable(dims, from: inputs[0].count, at: inputs.call)
        let length = slice.reduce(1, *)
        return try inputs[0].taking(starts.flatMap { $0..<$0 + length }, dims: dims)
    }

    private static func scatterPoints(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        guard try call.string("reduction") ?? "none" == "none" else {
            throw call.unsupported("reduction is not supported.")
        }
        let (starts, slice) = try points(inputs)
        let updates = try inputs[2]
        var result = try inputs[0]
        let length = slice.reduce(1, *)
        guard updates.count == starts.count * length, updates.type == result.type else {
            throw call.malformed("updates of \(updates.dims) do not fit \(result.dims).")
        }
        func replaced<Value>(_ values: [Value], _ updates: [Value]) -> [Value] {
            var values = values
            for (row, start) in starts.enumerated() {
                values.replaceSubrange(
                    start..<start + length, with: updates[row * length..<(row + 1) * length])
            }
            return values
        }
        switch (result.elements, updates.elements) {
        case (.reals(let values), .reals(let updates)):
            result.elements = .reals(replaced(values, updates))
        case (.integers(let values), .integers(let updates)):
            result.elements = .integers(replaced(values, updates))
        default: throw call.malformed("mixes integers with reals.")
        }
        return result
    }
}

extension ONNXTensor {
    /// The elements at `indices`, as many as `dims` tell; 0 for those below 0.
    func taking(_ indices: [Int], dims: [Int]) -> ONNXTensor {
        let taken: Elements =
            switch elements {
            case .reals(let values): .reals(indices.map { $0 < 0 ? 0 : values[$0] })
            case .integers(let values): .integers(indices.map { $0 < 0 ? 0 : values[$0] })
            }
        return ONNXTensor(type: type, dims: dims, elements: taken)
    }
}
