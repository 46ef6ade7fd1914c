/// Operators on constants that select or repeat elements.
extension ConstantFolding {
    /// Collects elements: along axis `i` of the result, position `p` contributes `offsets[i][p]` to
    /// the index of the element taken.
    static func collect(
        _ tensor: ONNXTensor, offsets: [[Int]], at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        let dims = offsets.map(\.count)
        let count = try computable(dims, from: tensor.count, at: call)
        let elements: ONNXTensor.Elements =
            switch tensor.elements {
            case .reals(let values): .reals(collect(values, offsets: offsets, count: count))
            case .integers(let values): .integers(collect(values, offsets: offsets, count: count))
            }
        return ONNXTensor(type: tensor.type, dims: dims, elements: elements)
    }

    private static func collect<Value>(
        _ values: [Value], offsets: [[Int]], count: Int
    ) -> [Value] {
        guard count > 0 else { return [] }
        guard let inner = offsets.last else { return values }
        var result: [Value] = []
        result.reserveCapacity(count)
        let outer = offsets.dropLast()
        var position = [Int](repeating: 0, count: outer.count)
        while true {
            let base = zip(outer, position).reduce(0) { $0 + $1.0[$1.1] }
            values.withUnsafeBufferPointer { values in
                for offset in inner { result.append(values[base + offset]) }
            }
            var axis = outer.count - 1
            while axis >= 0 {
                position[axis] += 1
                if position[axis] < outer[axis].count { break }
                position[axis] = 0
                axis -= 1
            }
            if axis < 0 { return result }
        }
    }

    /// Number of elements of a tensor to be computed from one of `operand` elements.
    static func computable(
        _ dims: [Int], from operand: Int, at call: OperatorCall
    ) throws(ONNXError) -> Int {
        let limit = max(operand, ImportLimits.computed)
        guard let count = ONNXTensor.count(dims, limit: limit) else {
            throw call.unsupported("would compute a constant of extents \(dims).")
        }
        return count
    }

    /// Row-major distance between neighbours along each axis.
    static func strides(_ dims: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: dims.count)
        for axis in dims.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * dims[axis + 1]
        }
        return strides
    }

    private static func steps(_ count: Int, _ stride: Int) -> [Int] {
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

    static func gather(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let tensor = try inputs[0]
        let indices = try inputs[1]
        let axis = try call.axis(call.integer("axis") ?? 0, rank: tensor.dims.count)
        let extent = tensor.dims[axis]
        var offsets = zip(tensor.dims, strides(tensor.dims)).map { steps($0, $1) }
        let along = offsets[axis]
        offsets[axis] = []
        for index in try inputs.integers(1) {
            guard (-extent..<extent).contains(index) else {
                throw call.malformed("index \(index) is outside of an axis of \(extent).")
            }
            offsets[axis].append(along[index < 0 ? index + extent : index])
        }
        var result = try collect(tensor, offsets: offsets, at: call)
        result.dims.replaceSubrange(axis...axis, with: indices.dims)
        return result
    }

    static func slice(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let tensor = try inputs[0]
        guard let starts = try inputs.list("starts", orInput: 1),
            let ends = try inputs.list("ends", orInput: 2), starts.count == ends.count
        else { throw call.malformed("needs as many starts as ends.") }
        let axes = try call.axes(
            inputs.list("axes", orInput: 3) ?? Array(starts.indices), rank: tensor.dims.count)
        let steps =
            inputs.optional(4) == nil
            ? [Int](repeating: 1, count: starts.count) : try inputs.integers(4)
        guard axes.count == starts.count, steps.count == starts.count else {
            throw call.malformed("needs one axis and one step per start.")
        }
        var offsets = zip(tensor.dims, strides(tensor.dims)).map { self.steps($0, $1) }
        for (index, axis) in axes.enumerated() {
            let extent = offsets[axis].count
            let step = min(max(steps[index], -1 << 40), 1 << 40)
            guard step != 0 else { throw call.malformed("has a step of 0.") }
            func bound(_ value: Int, _ range: ClosedRange<Int>) -> Int {
                let fromStart = value < 0 ? value + extent : value
                return min(max(fromStart, range.lowerBound), range.upperBound)
            }
            let range = step > 0 ? 0...extent : -1...extent - 1
            let first = bound(starts[index], step > 0 ? range : 0...max(extent - 1, 0))
            // An end of -1 counts from the end, so only clamping makes it "before the first".
            let last = bound(ends[index], range)
            let taken = extent == 0 ? [] : Array(stride(from: first, to: last, by: step))
            offsets[axis] = taken.map { offsets[axis][$0] }
        }
        return try collect(tensor, offsets: offsets, at: call)
    }

    static func concat(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
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
}
