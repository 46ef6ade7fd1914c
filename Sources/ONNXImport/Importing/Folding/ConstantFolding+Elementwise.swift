// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Operators on constants, element by element.
extension ConstantFolding {
    static let functions: [String: Rule] = [
        "Abs": unary({ $0.magnitude }, integers: { $0 < 0 ? 0 &- $0 : $0 }),
        "Ceil": unary { $0.rounded(.up) },
        "Elu": real("alpha", 1) { x, alpha in
            x < 0 ? alpha * Transcendental.exponentialMinusOne(x) : x
        },
        "Cos": double(Transcendental.cos),
        "Erf": double(Transcendental.erf),
        "Exp": double(Transcendental.exp),
        "Floor": unary { $0.rounded(.down) },
        "HardSwish": double { x in x * max(0, min(1, x / 6 + 0.5)) },
        "IsNaN": predicate { $0.isNaN },
        "LeakyRelu": real("alpha", 0.01) { x, alpha in x < 0 ? alpha * x : x },
        "Log": double(Transcendental.log),
        "Neg": unary({ -$0 }, integers: { 0 &- $0 }),
        "Reciprocal": unary { 1 / $0 },
        "Relu": unary({ $0 > 0 || $0.isNaN ? $0 : 0 }, integers: { max($0, 0) }),
        "Round": unary { $0.rounded(.toNearestOrEven) },
        "Sigmoid": double { 1 / (1 + Transcendental.exp(-$0)) },
        "Sign": unary({ $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, integers: { $0.signum() }),
        "Sin": double(Transcendental.sin),
        "Softplus": double { max($0, 0) + Transcendental.log(1 + Transcendental.exp(-abs($0))) },
        "Softsign": unary { $0 / (1 + $0.magnitude) },
        "Sqrt": unary { $0.squareRoot() },
        "Tanh": double(Transcendental.tanh),
        "Not": one { (inputs) throws(ONNXError) in try map(inputs, integers: { $0 == 0 ? 1 : 0 }) },
        "HardSigmoid": one { (inputs) throws(ONNXError) in
            let alpha = try inputs.call.float("alpha") ?? 0.2
            let beta = try inputs.call.float("beta") ?? 0.5
            return try map(inputs, reals: { max(0, min(1, alpha * $0 + beta)) })
        },
        "Clip": one(clip), "Cast": one(cast), "CastLike": one(castLike),
    ]

    // MARK: Forms

    private static func map(
        _ inputs: Operands, reals: (Float) -> Float = { $0 }, integers: ((Int64) -> Int64)?
    ) throws(ONNXError) -> ONNXTensor {
        var result = try inputs[0]
        switch (result.elements, integers) {
        case (.reals(let values), _): result.elements = .reals(values.map(reals))
        case (.integers(let values), let integers?):
            result.elements = .integers(values.map(integers))
        case (.integers, nil):
            throw inputs.call.malformed("does not take \(result.type) operands.")
        }
        return result
    }

    private static func map(
        _ inputs: Operands, reals: (Float) -> Float
    ) throws(ONNXError) -> ONNXTensor {
        try map(inputs, reals: reals, integers: nil)
    }

    private static func unary(
        _ reals: @escaping @Sendable (Float) -> Float,
        integers: (@Sendable (Int64) -> Int64)? = nil
    ) -> Rule {
        one { (inputs) throws(ONNXError) in try map(inputs, reals: reals, integers: integers) }
    }

    /// In Double, rounded once.
    private static func double(_ function: @escaping @Sendable (Double) -> Double) -> Rule {
        unary { Float(function(Double($0))) }
    }

    /// As ``double(_:)`` with one attribute.
    private static func real(
        _ attribute: String, _ value: Float,
        _ function: @escaping @Sendable (Double, Double) -> Double
    ) -> Rule {
        one { (inputs) throws(ONNXError) in
            let parameter = Double(try inputs.call.float(attribute) ?? value)
            return try map(inputs, reals: { Float(function(Double($0), parameter)) })
        }
    }

    private static func predicate(_ holds: @escaping @Sendable (Float) -> Bool) -> Rule {
        one { (inputs) throws(ONNXError) in
            let values = try inputs.reals(0)
            return ONNXTensor(
                type: .bool, dims: try inputs[0].dims,
                elements: .integers(values.map { holds($0) ? 1 : 0 }))
        }
    }

    // MARK: Bounds and types

    /// Bounds as attributes (opset 10 and before) or operands, either of which may be missing.
    private static func clip(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        if try inputs[0].type.isReal {
            func bound(_ name: String, _ index: Int) throws(ONNXError) -> Float? {
                guard inputs.optional(index) != nil else { return try call.float(name) }
                let values = try inputs.reals(index)
                guard values.count == 1 else { throw call.malformed("a bound is not one number.") }
                return values[0]
            }
            let lower = try bound("min", 1) ?? -.infinity
            let upper = try bound("max", 2) ?? .infinity
            return try map(inputs, reals: { $0.isNaN ? $0 : min(max($0, lower), upper) })
        }
        let lower = inputs.optional(1) == nil ? Int.min : try inputs.integer(1)
        let upper = inputs.optional(2) == nil ? Int.max : try inputs.integer(2)
        return try map(inputs, integers: { min(max($0, Int64(lower)), Int64(upper)) })
    }

    private static func cast(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        guard let code = try call.integer("to"), let type = ElementType(rawValue: code) else {
            throw call.unsupported("casts to a type that is not supported.")
        }
        return try cast(inputs[0], to: type, at: call)
    }

    private static func castLike(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        try cast(inputs[0], to: inputs[1].type, at: inputs.call)
    }

    private static func cast(
        _ tensor: ONNXTensor, to type: ElementType, at call: OperatorCall
    ) throws(ONNXError) -> ONNXTensor {
        var result = tensor
        result.type = type
        switch (tensor.elements, type.range) {
        case (.reals, nil): break
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
}
