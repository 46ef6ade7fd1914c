// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Functions of one value: HardSigmoid and LeakyRelu (opset 6 to 22), HardSwish (opset 14), Sigmoid
/// and Tanh (opset 6, 13), x·Sigmoid(x), which has no operator of its own before opset 24, and
/// those of `SmoothFunction`.
extension ONNXOperator {
    static let activationFunction = ONNXOperator(
        [
            "Abs", "Celu", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Selu",
            "Sigmoid", "Softplus", "Softsign", "Tanh", "ThresholdedRelu",
        ],
        translate: { call, network throws(ONNXError) in try network.activationFunction(call) },
        read: { node, reader in try reader.readActivation(node) })
}

extension ActivationFunction {
    /// Of a node of the type ``ONNXOperator/activationFunction`` has.
    fileprivate init(_ call: OperatorCall) throws(ONNXError) {
        switch call.type {
        case "HardSigmoid":
            self = .hardSigmoid(
                alpha: try call.float("alpha") ?? 0.2, beta: try call.float("beta") ?? 0.5)
        case "LeakyRelu": self = .leakyRelu(alpha: try call.float("alpha") ?? 0.01)
        case "HardSwish": self = .hardSwish
        case "Sigmoid": self = .sigmoid
        case "Tanh": self = .tanh
        default: self = .smooth(try SmoothFunction(call))
        }
        guard isValid else { throw call.malformed("alpha or beta is not finite.") }
    }

    /// Attributes the operator may have.
    fileprivate static func attributes(of type: String) -> Set<String> {
        switch type {
        case "HardSigmoid": ["alpha", "beta", "consumed_inputs"]
        case "LeakyRelu", "Elu": ["alpha", "consumed_inputs"]
        case "Celu", "ThresholdedRelu": ["alpha"]
        case "Selu": ["alpha", "gamma", "consumed_inputs"]
        default: []
        }
    }
}

extension SmoothFunction {
    fileprivate init(_ call: OperatorCall) throws(ONNXError) {
        switch call.type {
        case "Elu": self = .elu(alpha: try call.float("alpha") ?? 1)
        case "Celu": self = .celu(alpha: try call.float("alpha") ?? 1)
        case "Selu":
            self = .selu(
                alpha: try call.float("alpha") ?? 1.673_263_2,
                gamma: try call.float("gamma") ?? 1.050_701)
        case "ThresholdedRelu": self = .thresholdedRelu(alpha: try call.float("alpha") ?? 1)
        case "Softplus": self = .softplus
        case "Softsign": self = .softsign
        case "Exp": self = .exp
        case "Abs": self = .abs
        default: self = .erf
        }
    }

    /// Operator and attributes in the file.
    fileprivate var written: (type: String, attributes: [Onnx_AttributeProto]) {
        func alpha(_ alpha: Float) -> [Onnx_AttributeProto] {
            [QDQProto.attribute("alpha", alpha)]
        }
        return switch self {
        case .elu(let value): ("Elu", alpha(value))
        case .celu(let value): ("Celu", alpha(value))
        case .selu(let value, let gamma):
            ("Selu", alpha(value) + [QDQProto.attribute("gamma", gamma)])
        case .thresholdedRelu(let value): ("ThresholdedRelu", alpha(value))
        case .softplus: ("Softplus", [])
        case .softsign: ("Softsign", [])
        case .exp: ("Exp", [])
        case .abs: ("Abs", [])
        case .erf: ("Erf", [])
        }
    }
}

extension GraphTranslation {
    mutating func activationFunction(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 1...1, attributes: ActivationFunction.attributes(of: call.type))
        let function = try ActivationFunction(call)
        let activation = try activation(0, of: call)
        return append(.activation(function), [activation.value], like: activation, at: call)
    }
}

extension QDQReading {
    func readActivation(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(
            node, known: ActivationFunction.attributes(of: node.opType))
        let function = try attributes.read { call throws(ONNXError) in
            try ActivationFunction(call)
        }
        let operand = try value(Self.operand(node, 0))
        try append(node, .activation(function), inputs: [operand.id], form: .view(operand.view))
    }

    /// A product of a value and its Sigmoid with no quantizer between: one function of the value.
    /// - Returns: false where the Mul is another.
    func readSilu(_ node: Onnx_NodeProto) throws -> Bool {
        for operand in 0...1 {
            let (name, gate) = (
                try Self.operand(node, operand), try Self.operand(node, 1 - operand)
            )
            guard case .result(let index, let gated) = meanings[gate],
                results[index].value == nil, results[index].node.clamp == .none,
                results[index].node.operation == .activation(.sigmoid),
                case .float(let value, let view) = meanings[name], gated.tensor == view.tensor,
                results[index].node.inputs == [value]
            else { continue }
            results[index].node.operation = .activation(.silu)
            results[index].node.name = node.nameOrOutput
            meanings[gate] = nil
            try define(node, .result(index, view))
            return true
        }
        return false
    }
}

extension ActivationFunction: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let name = call.node.name
        let operands = writer.operands(call)
        switch self {
        case .hardSwish: writer.append("HardSwish", name: name, operands, call.target)
        case .hardSigmoid(let alpha, let beta):
            writer.append(
                "HardSigmoid", name: name, operands, call.target,
                [QDQProto.attribute("alpha", alpha), QDQProto.attribute("beta", beta)])
        case .leakyRelu(let alpha):
            writer.append(
                "LeakyRelu", name: name, operands, call.target,
                [QDQProto.attribute("alpha", alpha)])
        case .sigmoid: writer.append("Sigmoid", name: name, operands, call.target)
        case .tanh: writer.append("Tanh", name: name, operands, call.target)
        case .smooth(let function):
            let (type, attributes) = function.written
            writer.append(type, name: name, operands, call.target, attributes)
        case .silu:
            let gate = writer.names.tensors.claim(name + "_sigmoid")
            writer.append("Sigmoid", named: name + "_sigmoid", operands, gate)
            writer.append("Mul", name: name, operands + [gate], call.target)
        }
    }
}
