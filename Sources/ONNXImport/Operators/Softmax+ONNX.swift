// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Softmax and LogSoftmax (opset 1, 13) behind the logits.
extension ONNXOperator {
    static let outputFunction = ONNXOperator(
        ["Softmax", "LogSoftmax"],
        translate: { call, network throws(ONNXError) in try network.outputFunction(call) },
        read: { node, reader in try reader.readOutputFunction(node) })
}

extension GraphTranslation {
    /// Softmax and LogSoftmax over the channels (opset 13), or over all axes from `axis` on (before
    /// it). The graph's output is what they read, and keeps the function's name.
    mutating func outputFunction(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: ["axis"])
        guard let function = Graph.OutputFunction(rawValue: call.type) else {
            throw call.unsupported("is no function of an output.")
        }
        var activation = try activation(0, of: call)
        let isCoerced = document.opset < 13
        let rank = activation.dims.count
        let axis = try call.axis(call.integer("axis") ?? (isCoerced ? 1 : -1), rank: rank)
        let normalized = activation.axes[axis...(isCoerced ? rank - 1 : axis)].flatMap { $0 }
        guard normalized == activation.view.innermost else {
            throw call.unsupported(
                "normalizes \(activation.dims) along axis \(axis), which is not the channels alone."
            )
        }
        activation.ending = Activation.Ending(function: function, node: call.name)
        return .activation(activation)
    }
}

extension QDQReading {
    /// Softmax and LogSoftmax over the channels, behind which only the output may stand.
    func readOutputFunction(_ node: Onnx_NodeProto) throws {
        let name = try Self.operand(node, 0)
        let logits = try meaning(name)
        let view: QDQView
        switch logits {
        case .float(_, let arrangement), .result(_, let arrangement): view = arrangement
        case .quantized, .image, .weight, .parameter, .function:
            throw QDQError(.unsupported, tensor: name, "\(node.opType) must read float activations")
        }
        let isCoerced = opset < 13
        let axis = try QDQAttributes(node, known: ["axis"]).int("axis", default: isCoerced ? 1 : -1)
        let rank = view.tensor.dims.count
        let first = axis < 0 ? axis + rank : axis
        let normalized =
            0..<rank ~= first
            ? view.tensor.axes[first...(isCoerced ? rank - 1 : first)].flatMap { $0 } : []
        let isChannels = 0..<rank ~= first && normalized == view.tensor.innermost
        guard isChannels, let function = Graph.OutputFunction(rawValue: node.opType) else {
            throw QDQError(
                .unsupported, tensor: name,
                "\(node.opType) along axis \(axis) is not one over the channels")
        }
        try define(node, .function(function, of: logits, view))
    }
}
