// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Operators on several constants, which are broadcast against each other.
extension ConstantFolding {
    static let arithmetic: [String: Rule] = [
        "Add": binary({ $0 + $1 }, integers: { $0 &+ $1 }),
        "Sub": binary({ $0 - $1 }, integers: { $0 &- $1 }),
        "Mul": binary({ $0 * $1 }, integers: { $0 &* $1 }),
        "Div": one { (inputs) throws(ONNXError) in
            try checkDivisor(inputs)
            return try combined(
                inputs, reals: { $0 / $1 },
                integers: { $0.dividedReportingOverflow(by: $1).partialValue })
        },
        "Mod": one(remainder),
        "Pow": one(power),
        // A NaN on either side makes the result NaN.
        "Max": binary({ $0.isNaN || $0 > $1 ? $0 : $1 }, integers: { max($0, $1) }),
        "Min": binary({ $0.isNaN || $0 < $1 ? $0 : $1 }, integers: { min($0, $1) }),
        "Sum": binary({ $0 + $1 }),
        "Mean": one { (inputs) throws(ONNXError) in
            var result = try combined(inputs, reals: { $0 + $1 }, integers: nil)
            let count = Float(inputs.values.count)
            result.elements = .reals((result.reals ?? []).map { $0 / count })
            return result
        },
        "And": logical { $0 && $1 }, "Or": logical { $0 || $1 }, "Xor": logical { $0 != $1 },
        "PRelu": binary({ $0 < 0 ? $0 * $1 : $0 }),
    ]

    static let comparisons: [String: Rule] = [
        "Equal": comparison({ $0 == $1 }, { $0 == $1 }),
        "Greater": comparison({ $0 > $1 }, { $0 > $1 }),
        "GreaterOrEqual": comparison({ $0 >= $1 }, { $0 >= $1 }),
        "Less": comparison({ $0 < $1 }, { $0 < $1 }),
        "LessOrEqual": comparison({ $0 <= $1 }, { $0 <= $1 }),
        "Where": one(choose),
    ]

    // MARK: Forms

    private static func binary(
        _ reals: @escaping @Sendable (Float, Float) -> Float,
        integers: (@Sendable (Int64, Int64) -> Int64)? = nil
    ) -> Rule {
        one { (inputs) throws(ONNXError) in try combined(inputs, reals: reals, integers: integers) }
    }

    private static func logical(_ holds: @escaping @Sendable (Bool, Bool) -> Bool) -> Rule {
        one { (inputs) throws(ONNXError) in
            guard try inputs[0].type == .bool else {
                throw inputs.call.malformed("does not take \(try inputs[0].type) operands.")
            }
            return try combined(
                inputs, reals: { left, _ in left },
                integers: { holds($0 != 0, $1 != 0) ? 1 : 0 })
        }
    }

    private static func comparison(
        _ reals: @escaping @Sendable (Float, Float) -> Bool,
        _ integers: @escaping @Sendable (Int64, Int64) -> Bool
    ) -> Rule {
        one { (inputs) throws(ONNXError) in
            let combined = try combined(
                inputs, reals: { reals($0, $1) ? 1 : 0 }, integers: { integers($0, $1) ? 1 : 0 })
            let elements: [Int64] =
                switch combined.elements {
                case .reals(let values): values.map { $0 == 0 ? 0 : 1 }
                case .integers(let values): values
                }
            return ONNXTensor(type: .bool, dims: combined.dims, elements: .integers(elements))
        }
    }

    /// All operands, of one type, from the left.
    private static func combined(
        _ inputs: Operands, reals: (Float, Float) -> Float,
        integers: ((Int64, Int64) -> Int64)?
    ) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        var result = try inputs[0]
        for index in inputs.values.indices.dropFirst() {
            let right = try inputs[index]
            guard right.type == result.type else {
                throw call.malformed("mixes \(result.type) with \(right.type).")
            }
            let (left, other) = try broadcast(result, right, at: call)
            result = left
            switch (left.elements, other.elements, integers) {
            case (.reals(let left), .reals(let right), _):
                result.elements = .reals(zip(left, right).map(reals))
            case (.integers(let left), .integers(let right), let integers?):
                result.elements = .integers(zip(left, right).map(integers))
            default: throw call.malformed("does not take \(result.type) operands.")
            }
        }
        return result
    }

    private static func broadcast(
        _ left: ONNXTensor, _ right: ONNXTensor, at call: OperatorCall
    ) throws(ONNXError) -> (ONNXTensor, ONNXTensor) {
        let dims = try ShapeRules.broadcast(left.dims, right.dims, at: call)
        _ = try computable(dims, from: max(left.count, right.count), at: call)
        return (try expand(left, to: dims, at: call), try expand(right, to: dims, at: call))
    }

    // MARK: Operators of their own kind

    private static func checkDivisor(_ inputs: Operands) throws(ONNXError) {
        guard try inputs[1].integers?.contains(0) != true else {
            throw inputs.call.malformed("divides by 0.")
        }
    }

    /// Sign of the divisor, of the dividend with `fmod`.
    private static func remainder(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        try checkDivisor(inputs)
        let followsDividend = try inputs.call.flag("fmod", default: false)
        return try combined(
            inputs,
            reals: {
                let rest = $0.truncatingRemainder(dividingBy: $1)
                return followsDividend || rest == 0 || (rest < 0) == ($1 < 0) ? rest : rest + $1
            },
            integers: {
                let rest = $0.remainderReportingOverflow(dividingBy: $1).partialValue
                return followsDividend || rest == 0 || (rest < 0) == ($1 < 0) ? rest : rest + $1
            })
    }

    /// Base and exponent may be of different types; the result is of the base's.
    private static func power(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let (base, exponent) = try broadcast(inputs[0], inputs[1], at: call)
        func doubles(_ tensor: ONNXTensor) -> [Double] {
            switch tensor.elements {
            case .reals(let values): values.map { Double($0) }
            case .integers(let values): values.map { Double($0) }
            }
        }
        let values = zip(doubles(base), doubles(exponent)).map { Transcendental.pow($0, $1) }
        var result = base
        if base.type.isReal {
            result.elements = .reals(values.map { Float($0) })
            return result
        }
        var integers: [Int64] = []
        for value in values {
            guard let integer = Int64(exactly: value.rounded(.towardZero)) else {
                throw call.malformed("\(value) is no integer.")
            }
            integers.append(integer)
        }
        result.elements = .integers(integers)
        return result
    }

    private static func choose(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let (first, second) = try broadcast(inputs[1], inputs[2], at: call)
        let (condition, left) = try broadcast(inputs[0], first, at: call)
        let right = try expand(second, to: left.dims, at: call)
        guard let choices = condition.integers, left.type == right.type else {
            throw call.malformed("mixes \(left.type) with \(right.type).")
        }
        var result = left
        switch (left.elements, right.elements) {
        case (.reals(let left), .reals(let right)):
            result.elements = .reals(
                choices.indices.map { choices[$0] != 0 ? left[$0] : right[$0] })
        case (.integers(let left), .integers(let right)):
            result.elements = .integers(
                choices.indices.map { choices[$0] != 0 ? left[$0] : right[$0] })
        default: throw call.malformed("mixes integers with reals.")
        }
        return result
    }
}
