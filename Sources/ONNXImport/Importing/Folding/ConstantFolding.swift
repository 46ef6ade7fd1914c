// SPDX-License-Identifier: Apache-2.0

import ONNXModel

/// Evaluation of operators on constants: the subgraphs by which exporters compute extents and pads,
/// and arithmetic on weights. Everything that only constants reach is computed, once, where the
/// model is read.
///
/// Integers wrap in their type. Reals are computed in Float, sums and functions other than the four
/// operations in Double and rounded once, with the project's own transcendental functions, so that
/// every machine folds to the same bits. ONNX Runtime does most of it in Float and differs in the
/// last bits.
enum ConstantFolding {
    /// Computes the outputs of a call.
    typealias Rule = @Sendable (Operands) throws(ONNXError) -> [ONNXTensor]

    /// Operators that can be evaluated.
    static let rules: [String: Rule] = [
        shapes, generators, selections, pads, functions, arithmetic, comparisons, reductions,
        products,
        normalizations,
    ].reduce(into: [:]) { all, family in all.merge(family) { first, _ in first } }

    /// The outputs of `call` on constant operands; nil operands are absent ones.
    static func evaluate(
        _ call: OperatorCall, _ operands: [ONNXTensor?]
    ) throws(ONNXError) -> [ONNXTensor] {
        guard let rule = rules[call.type] else { throw call.unknownOperator }
        return try rule(Operands(call: call, values: operands)).map(\.inRangeOfType)
    }

    /// A rule for operators of one output.
    static func one(
        _ rule: @escaping @Sendable (Operands) throws(ONNXError) -> ONNXTensor
    ) -> Rule {
        { (inputs: Operands) throws(ONNXError) in [try rule(inputs)] }
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

        /// Operand `index` as one integer.
        func integer(_ index: Int) throws(ONNXError) -> Int {
            let values = try integers(index)
            guard values.count == 1 else {
                throw call.malformed("input \(index) must be one integer.")
            }
            return values[0]
        }

        /// Operand `index` as real numbers.
        func reals(_ index: Int) throws(ONNXError) -> [Float] {
            guard let values = try self[index].reals else {
                throw call.malformed("input \(index) must hold real numbers.")
            }
            return values
        }

        /// A list given as attribute by old operator sets and as operand `index` by later ones.
        func list(_ attribute: String, orInput index: Int) throws(ONNXError) -> [Int]? {
            if let values = try call.integers(attribute) { return values }
            return optional(index) == nil ? nil : try integers(index)
        }
    }

    // MARK: Extents

    static let shapes: [String: Rule] = [
        "Shape": one { (inputs) throws(ONNXError) in
            try shape(of: inputs[0].dims, at: inputs.call)
        },
        "Size": one { (inputs) throws(ONNXError) in
            try shape(of: inputs[0].dims, at: inputs.call)
        },
        "Identity": one { (inputs) throws(ONNXError) in try inputs[0] },
        "Dropout": one { (inputs) throws(ONNXError) in try inputs[0] },
        "Reshape": one(rearrange), "Flatten": one(rearrange), "Squeeze": one(rearrange),
        "Unsqueeze": one(rearrange),
    ]

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

    private static func rearrange(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
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
}

extension ONNXTensor {
    /// The elements as the type holds them: integers wrapped, halves rounded to nearest.
    fileprivate var inRangeOfType: ONNXTensor {
        var result = self
        switch (elements, type) {
        case (.reals(let values), .float16):
            result.elements = .reals(values.map { Float(Float16($0)) })
        case (.reals(let values), .bfloat16):
            result.elements = .reals(values.map(Self.roundedToBFloat16))
        case (.integers(let values), _):
            guard let range = type.range, !values.allSatisfy(range.contains) else { break }
            result.elements = .integers(values.map { wrapped($0) })
        default: break
        }
        return result
    }

    private func wrapped(_ value: Int64) -> Int64 {
        switch type {
        case .bool: value == 0 ? 0 : 1
        case .uint8: Int64(UInt8(truncatingIfNeeded: value))
        case .int8: Int64(Int8(truncatingIfNeeded: value))
        case .uint16: Int64(UInt16(truncatingIfNeeded: value))
        case .int16: Int64(Int16(truncatingIfNeeded: value))
        case .uint32: Int64(UInt32(truncatingIfNeeded: value))
        case .int32: Int64(Int32(truncatingIfNeeded: value))
        case .int64, .float, .float16, .bfloat16, .double: value
        }
    }

    /// Half to even.
    private static func roundedToBFloat16(_ value: Float) -> Float {
        guard value.isFinite else { return value }
        let bits = value.bitPattern
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }
}
