// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// HardSigmoid (opset 6) and HardSwish (opset 14).
extension ONNXOperator {
    static let hardSigmoid = ONNXOperator(
        ["HardSigmoid"],
        translate: { call, network throws(ONNXError) in try network.activationFunction(call) },
        read: { node, reader in try reader.readActivation(node) })

    static let hardSwish = ONNXOperator(
        ["HardSwish"],
        translate: { call, network throws(ONNXError) in try network.activationFunction(call) },
        read: { node, reader in try reader.readActivation(node) })
}

extension GraphTranslation {
    /// HardSigmoid (opset 6) and HardSwish (opset 14).
    mutating func activationFunction(_ call: OperatorCall) throws(ONNXError) -> Value {
        var function = ActivationFunction.hardSwish
        if call.type == "HardSigmoid" {
            try call.expect(inputs: 1...1, attributes: ["alpha", "beta", "consumed_inputs"])
            function = .hardSigmoid(
                alpha: try call.float("alpha") ?? 0.2, beta: try call.float("beta") ?? 0.5)
        } else {
            try call.expect(inputs: 1...1)
        }
        guard function.isValid else { throw call.malformed("alpha or beta is not finite.") }
        let activation = try activation(0, of: call)
        return append(.activation(function), [activation.value], like: activation, at: call)
    }
}

extension QDQReader {
    mutating func readActivation(_ node: Onnx_NodeProto) throws {
        var function = ActivationFunction.hardSwish
        if node.opType == "HardSigmoid" {
            let attributes = try QDQAttributes(node, known: ["alpha", "beta"])
            function = .hardSigmoid(
                alpha: try attributes.float("alpha", default: 0.2),
                beta: try attributes.float("beta", default: 0.5))
        } else {
            _ = try QDQAttributes(node, known: [])
        }
        guard function.isValid else {
            throw QDQError(.malformedGraph, node: node.name, "alpha or beta is not finite")
        }
        let operand = try value(Self.operand(node, 0))
        try append(node, .activation(function), inputs: [operand.id], view: operand.view)
    }
}

extension ActivationFunction: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout QDQWriter) {
        let operands = writer.operands(call)
        switch self {
        case .hardSwish: writer.append("HardSwish", name: call.node.name, operands, call.target)
        case .hardSigmoid(let alpha, let beta):
            writer.append(
                "HardSigmoid", name: call.node.name, operands, call.target,
                [QDQProto.attribute("alpha", alpha), QDQProto.attribute("beta", beta)])
        }
    }
}
