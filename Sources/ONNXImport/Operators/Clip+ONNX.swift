// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Relu (opset 6), Clip (opset 6 to 13), Min and Max with one number (opset 8).
extension ONNXOperator {
    static let relu = ONNXOperator(
        ["Relu"],
        translate: { call, network throws(ONNXError) in try network.clamp(call) },
        read: { node, reader in try reader.readClamp(node) })

    static let clip = ONNXOperator(
        ["Clip"],
        translate: { call, network throws(ONNXError) in try network.clamp(call) },
        read: { node, reader in try reader.readClamp(node) })

    static let extremum = ONNXOperator(
        ["Min", "Max"],
        translate: { call, network throws(ONNXError) in try network.extremum(call) })
}

extension GraphTranslation {
    /// Relu and Clip (bounds as attributes up to opset 10, as inputs later).
    mutating func clamp(_ call: OperatorCall) throws(ONNXError) -> Value {
        var clamp = Clamp(lower: 0)
        if call.type == "Clip" {
            try call.expect(inputs: 1...3, attributes: ["min", "max"])
            let lower = try bound("min", orInput: 1, of: call)
            let upper = try bound("max", orInput: 2, of: call)
            clamp = try Self.clamp(lower: lower, upper: upper, at: call)
        } else {
            try call.expect(inputs: 1...1)
        }
        let activation = try activation(0, of: call)
        return append(.clamp, [activation.value], clamp: clamp, like: activation, at: call)
    }

    /// Min and Max of a feature map and one number.
    mutating func extremum(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...2)
        let first: Bool
        if case .constant = try operand(0, of: call) { first = true } else { first = false }
        let activation = try activation(first ? 1 : 0, of: call)
        let bound = try scalar(first ? 0 : 1, of: call)
        let clamp = try Self.clamp(
            lower: call.type == "Max" ? bound : nil, upper: call.type == "Min" ? bound : nil,
            at: call)
        return append(.clamp, [activation.value], clamp: clamp, like: activation, at: call)
    }

    mutating func bound(
        _ attribute: String, orInput index: Int, of call: OperatorCall
    ) throws(ONNXError) -> Float? {
        if let value = try call.float(attribute) { return value }
        return try scalar(index, of: call)
    }

    mutating func scalar(_ index: Int, of call: OperatorCall) throws(ONNXError) -> Float? {
        guard let tensor = try constant(index, of: call) else { return nil }
        guard let values = tensor.reals, values.count == 1 else {
            throw call.error(.unsupported, tensor: call.input(index), "must be one real number.")
        }
        return values[0]
    }

    static func clamp(
        lower: Float?, upper: Float?, at call: OperatorCall
    ) throws(ONNXError) -> Clamp {
        let low = lower ?? -.infinity
        let high = upper ?? .infinity
        guard !low.isNaN, !high.isNaN, low < .infinity, high > -.infinity else {
            throw call.malformed("has an undefined or infinite bound.")
        }
        // Where the bounds are in the wrong order, every value is the upper one.
        return Clamp.none.followed(
            by: Clamp(
                lower: low <= -.greatestFiniteMagnitude ? nil : low,
                upper: high >= .greatestFiniteMagnitude ? nil : high))
    }
}

extension QDQReading {
    /// Relu, Clip and Identity: part of a result, or operators of their own after DequantizeLinear.
    func readClamp(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        var clamp = Clamp.none
        if node.opType == "Relu" { clamp.lower = 0 }
        if node.opType == "Clip" {
            clamp.lower = try bound(node, 1)
            clamp.upper = try bound(node, 2)
            clamp = Clamp.none.followed(by: clamp)
        }
        let name = try Self.operand(node, 0)
        if case .result(let index, let view) = try meaning(name), node.opType != "Identity",
            results[index].value == nil, let exact = exactActivation(of: results[index]),
            results[index].node.operation.form.resultQuantization == .operand
        {
            // What only selects or moves values has no clamp of its own.
            let value = try take(index, activation: exact)
            results[index].isExact = true
            return try append(
                node, .clamp, inputs: [value], clamp: clamp, form: .view(view))
        }
        if case .result(let index, let view) = try meaning(name) {
            guard results[index].value == nil else {
                throw QDQError(.unsupported, tensor: name, "is read by other nodes too")
            }
            results[index].node.clamp = results[index].node.clamp.followed(by: clamp)
            if node.opType != "Identity" { meanings[name] = nil }
            return try define(node, .result(index, view))
        }
        if node.opType == "Identity" {
            // Further names of an output.
            let isOutput = file.output.contains { $0.name == node.output.first }
            switch try meaning(name) {
            case .function(let function, let logits, let view):
                return try define(node, .function(function, of: logits, view))
            case .float(let value, let view) where isOutput:
                return try define(node, .float(value, view))
            default: break
            }
        }
        let operand = try value(name)
        try append(node, .clamp, inputs: [operand.id], clamp: clamp, form: .view(operand.view))
    }

    func bound(_ node: Onnx_NodeProto, _ index: Int) throws -> Float? {
        guard let name = Self.optionalOperand(node, index) else { return nil }
        let constant = try constant(name)
        let values = try constant.floats()
        guard constant.isScalar, values[0].isFinite else {
            throw QDQError(.unsupported, tensor: name, "a bound of Clip must be one finite number")
        }
        return values[0]
    }
}
