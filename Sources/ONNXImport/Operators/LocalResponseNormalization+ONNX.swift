// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// LRN (opset 13), across channels.
extension ONNXOperator {
    static let localResponseNormalization = ONNXOperator(
        ["LRN"],
        translate: { call, network throws(ONNXError) in try network.localResponseNormalization(call)
        },
        read: { node, reader in try reader.readLocalResponseNormalization(node) })
}

extension GraphTranslation {
    /// LRN: across channels.
    mutating func localResponseNormalization(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: ["alpha", "beta", "bias", "size"])
        guard let size = try call.integer("size") else { throw call.malformed("has no size.") }
        let lrn = LocalResponseNormalization(
            size: size, alpha: try call.float("alpha") ?? 0.0001,
            beta: try call.float("beta") ?? 0.75, bias: try call.float("bias") ?? 1)
        guard lrn.isValid else {
            throw call.unsupported(
                "has size \(lrn.size), alpha \(lrn.alpha), beta \(lrn.beta) and bias \(lrn.bias); "
                    + "size must be odd and at most \(LocalResponseNormalization.largestSize), alpha not "
                    + "negative, beta within ±\(LocalResponseNormalization.largestExponent), bias "
                    + "positive.")
        }
        let input = try imageOperand(of: call)
        return append(
            .localResponseNormalization(lrn), [input.value], like: input, at: call)
    }
}

extension QDQReading {
    func readLocalResponseNormalization(_ node: Onnx_NodeProto) throws {
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
            form: .nchw)
    }
}

extension LocalResponseNormalization: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        writer.append(
            "LRN", name: call.node.name, writer.operands(call), call.target,
            [
                QDQProto.attribute("alpha", alpha), QDQProto.attribute("beta", beta),
                QDQProto.attribute("bias", bias), QDQProto.attribute("size", size),
            ])
    }
}
