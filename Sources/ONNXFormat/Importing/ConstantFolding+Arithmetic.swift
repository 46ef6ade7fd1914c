/// Arithmetic on constants: in Float, or wrapping in Int64.
extension ConstantFolding {
    static func cast(_ tensor: ONNXTensor, at call: OperatorCall) throws(ONNXError) -> ONNXTensor {
        guard let code = try call.integer("to"), let type = ElementType(rawValue: code) else {
            throw call.unsupported("casts to a type that is not supported.")
        }
        var result = tensor
        result.type = type
        switch (tensor.elements, type.range) {
        case (.reals(let values), nil):
            if type == .float16 || type == .bfloat16, tensor.type != type {
                throw call.unsupported("casts a constant to 16 bits.")
            }
            result.elements = .reals(values)
        case (.integers(let values), nil): result.elements = .reals(values.map { Float($0) })
        case (.reals(let values), let range?):
            if type == .bool {
                result.elements = .integers(values.map { $0 == 0 ? 0 : 1 })
                return result
            }
            var integers: [Int64] = []
            for value in values {
                guard let integer = Int64(exactly: value.rounded(.towardZero)),
                    range.contains(integer)
                else { throw call.malformed("cannot cast \(value) to \(type).") }
                integers.append(integer)
            }
            result.elements = .integers(integers)
        case (.integers(let values), let range?):
            guard type != .bool else {
                result.elements = .integers(values.map { $0 == 0 ? 0 : 1 })
                return result
            }
            guard values.allSatisfy({ range.contains($0) }) else {
                throw call.malformed("casts a value beyond \(type).")
            }
        }
        return result
    }

    static func constantOfShape(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let dims = try inputs.integers(0)
        let call = inputs.call
        let count = try computable(dims, from: 0, at: call)
        guard let proto = try call.tensor("value") else {
            return ONNXTensor(
                type: .float, dims: dims, elements: .reals([Float](repeating: 0, count: count)))
        }
        guard proto.dataLocation != .external else {
            throw call.unsupported("takes its value from another file.")
        }
        let value = try ONNXTensor(proto, external: nil)
        let elements: ONNXTensor.Elements
        switch value.elements {
        case .reals(let values) where values.count == 1:
            elements = .reals([Float](repeating: values[0], count: count))
        case .integers(let values) where values.count == 1:
            elements = .integers([Int64](repeating: values[0], count: count))
        default: throw call.malformed("its value must have one element.")
        }
        return ONNXTensor(type: value.type, dims: dims, elements: elements)
    }

    static func unary(_ tensor: ONNXTensor, at call: OperatorCall) throws(ONNXError) -> ONNXTensor {
        var result = tensor
        switch (call.type, tensor.elements) {
        case ("Abs", .reals(let values)): result.elements = .reals(values.map { $0.magnitude })
        case ("Ceil", .reals(let values)): result.elements = .reals(values.map { $0.rounded(.up) })
        case ("Floor", .reals(let values)):
            result.elements = .reals(values.map { $0.rounded(.down) })
        case ("Neg", .reals(let values)): result.elements = .reals(values.map { -$0 })
        case ("Reciprocal", .reals(let values)): result.elements = .reals(values.map { 1 / $0 })
        case ("Sqrt", .reals(let values)):
            result.elements = .reals(values.map { $0.squareRoot() })
        case ("Neg", .integers(let values)): result.elements = .integers(values.map { 0 &- $0 })
        case ("Abs", .integers(let values)):
            result.elements = .integers(values.map { $0 < 0 ? 0 &- $0 : $0 })
        default: throw call.malformed("does not take \(tensor.type) operands.")
        }
        return result
    }

    static func binary(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        var result = try inputs[0]
        for index in inputs.values.indices.dropFirst() {
            let right = try inputs[index]
            guard right.type == result.type else {
                throw call.malformed("mixes \(result.type) with \(right.type).")
            }
            let dims = try ShapeRules.broadcast(result.dims, right.dims, at: call)
            _ = try computable(dims, from: max(result.count, right.count), at: call)
            result = try expand(result, to: dims, at: call)
            result.elements = try combine(
                result.elements, expand(right, to: dims, at: call).elements, at: call)
        }
        return result
    }

    private static func combine(
        _ left: ONNXTensor.Elements, _ right: ONNXTensor.Elements, at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor.Elements {
        switch (left, right) {
        case (.reals(let left), .reals(let right)):
            let operation: (Float, Float) -> Float =
                switch call.type {
                case "Add": { $0 + $1 }
                case "Sub": { $0 - $1 }
                case "Mul": { $0 * $1 }
                case "Div": { $0 / $1 }
                case "Max": { max($0, $1) }
                default: { min($0, $1) }
                }
            return .reals(zip(left, right).map(operation))
        case (.integers(let left), .integers(let right)):
            if call.type == "Div", right.contains(0) { throw call.malformed("divides by 0.") }
            let operation: (Int64, Int64) -> Int64 =
                switch call.type {
                case "Add": { $0 &+ $1 }
                case "Sub": { $0 &- $1 }
                case "Mul": { $0 &* $1 }
                case "Div": { $0.dividedReportingOverflow(by: $1).partialValue }
                case "Max": { max($0, $1) }
                default: { min($0, $1) }
                }
            return .integers(zip(left, right).map(operation))
        default: throw call.malformed("mixes integers with reals.")
        }
    }
}
