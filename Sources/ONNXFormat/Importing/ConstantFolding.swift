/// Evaluation of operators on constants: the subgraphs by which exporters compute extents and pads,
/// and arithmetic on weights.
enum ConstantFolding {
    /// Operators that can be evaluated.
    static let operators: Set<String> = [
        "Abs", "Add", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Expand",
        "Flatten", "Floor", "Gather", "Identity", "Max", "Min", "Mul", "Neg", "Reciprocal",
        "Reshape", "Shape", "Size", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze",
    ]

    /// The result of `call` on constant operands; nil operands are absent ones.
    static func evaluate(
        _ call: OperatorCall, _ operands: [ONNXTensor?]
    ) throws(ONNXError) -> ONNXTensor {
        let inputs = Operands(call: call, values: operands)
        switch call.type {
        case "Identity": return try inputs[0]
        case "Shape", "Size": return try shape(of: inputs[0].dims, at: call)
        case "Cast": return try cast(inputs[0], at: call)
        case "ConstantOfShape": return try constantOfShape(inputs)
        case "Gather": return try gather(inputs)
        case "Slice": return try slice(inputs)
        case "Concat": return try concat(inputs)
        case "Transpose":
            let tensor = try inputs[0]
            return try transpose(
                tensor, ShapeRules.permutation(rank: tensor.dims.count, at: call), at: call)
        case "Expand":
            let tensor = try inputs[0]
            let dims = try ShapeRules.broadcast(tensor.dims, inputs.integers(1), at: call)
            return try expand(tensor, to: dims, at: call)
        case "Reshape", "Flatten", "Squeeze", "Unsqueeze":
            return try rearrange(inputs)
        case "Abs", "Ceil", "Floor", "Neg", "Reciprocal", "Sqrt":
            return try unary(inputs[0], at: call)
        case "Add", "Div", "Max", "Min", "Mul", "Sub":
            return try binary(inputs)
        default:
            throw call.unsupported("its operands are all constant, which is not supported.")
        }
    }

    /// Operands of one call.
    struct Operands {
        let call: OperatorCall
        let values: [ONNXTensor?]

        subscript(index: Int) -> ONNXTensor {
            get throws(ONNXError) {
                guard let value = optional(index) else {
                    throw call.malformed("input \(index) is missing.")
                }
                return value
            }
        }

        func optional(_ index: Int) -> ONNXTensor? { index < values.count ? values[index] : nil }

        /// Operand `index` as a list of integers.
        func integers(_ index: Int) throws(ONNXError) -> [Int] {
            guard let values = try self[index].integers else {
                throw call.malformed("input \(index) must hold integers.")
            }
            return values.map { Int(clamping: $0) }
        }

        /// A list given as attribute by old operator sets and as operand `index` by later ones.
        func list(_ attribute: String, orInput index: Int) throws(ONNXError) -> [Int]? {
            if let values = try call.integers(attribute) { return values }
            return optional(index) == nil ? nil : try integers(index)
        }
    }

    /// Shape (with `start` and `end`, opset 15) and Size.
    static func shape(of dims: [Int], at call: OperatorCall) throws(ONNXError) -> ONNXTensor {
        if call.type == "Size" {
            return ONNXTensor(
                type: .int64, dims: [], elements: .integers([Int64(ONNXTensor.count(dims) ?? 0)]))
        }
        func bound(_ value: Int) -> Int {
            min(max(value < 0 ? value + dims.count : value, 0), dims.count)
        }
        let start = bound(try call.integer("start") ?? 0)
        let end = bound(try call.integer("end") ?? dims.count)
        return ONNXTensor(dims[start..<max(start, end)].map { Int64($0) })
    }

    static func rearrange(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        var tensor = try inputs[0]
        tensor.dims = try rearranged(tensor.dims, inputs)
        return tensor
    }

    /// Extents after Reshape, Flatten, Squeeze or Unsqueeze, whose other operands are constants.
    static func rearranged(_ dims: [Int], _ inputs: Operands) throws(ONNXError) -> [Int] {
        let call = inputs.call
        switch call.type {
        case "Reshape":
            return try ShapeRules.reshape(
                dims, to: inputs.integers(1), allowZero: call.flag("allowzero", default: false),
                at: call)
        case "Flatten":
            return try ShapeRules.flatten(dims, axis: call.integer("axis") ?? 1, at: call)
        case "Squeeze":
            return try ShapeRules.squeeze(dims, axes: inputs.list("axes", orInput: 1), at: call)
        default:
            guard let axes = try inputs.list("axes", orInput: 1) else {
                throw call.malformed("names no axes.")
            }
            return try ShapeRules.unsqueeze(dims, axes: axes, at: call)
        }
    }
}
