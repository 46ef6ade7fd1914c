// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Products, activation functions and local response normalization.
extension QDQReader {
    /// The factor that is repeated over pixels may come first or last.
    mutating func readMultiply(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        let first = try value(Self.operand(node, 0))
        let second = try value(Self.operand(node, 1))
        guard first.view == second.view else {
            throw QDQError(.unsupported, "Mul has operands of different arrangement")
        }
        let isSwapped = shape(of: first.id).pixels < shape(of: second.id).pixels
        let inputs = isSwapped ? [second.id, first.id] : [first.id, second.id]
        try append(node, .multiply, inputs: inputs, view: first.view)
    }

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

    mutating func readLocalResponseNormalization(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["alpha", "beta", "bias", "size"])
        let lrn = LocalResponseNormalization(
            size: try attributes.int("size", default: 0),
            alpha: try attributes.float("alpha", default: 0.0001),
            beta: try attributes.float("beta", default: 0.75),
            bias: try attributes.float("bias", default: 1))
        guard lrn.isValid else {
            throw QDQError(
                .unsupported, node: node.name, "size, alpha, beta or bias of LRN is out of range")
        }
        try append(
            node, .localResponseNormalization(lrn), inputs: [try featureMap(node)],
            view: .map(.nchw))
    }
}
