// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Transpose (opset 1 to 21).
extension ONNXOperator {
    static let transpose = ONNXOperator(
        ["Transpose"],
        translate: { call, network throws(ONNXError) in try network.transpose(call) },
        read: { node, reader in try reader.readTranspose(node) })
}

extension GraphTranslation {
    mutating func transpose(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: ["perm"])
        let activation = try activation(0, of: call)
        let permutation = try ShapeRules.permutation(rank: activation.dims.count, at: call)
        return .activation(
            activation.viewed(activation.view.transposed(permutation), by: call.name))
    }
}

extension QDQReader {
    mutating func readTranspose(_ node: Onnx_NodeProto) throws {
        let name = try Self.operand(node, 0)
        let given = try QDQAttributes(node, known: ["perm"]).ints("perm")
        if given == QDQWriter.toNCHW {
            if case .image(let value, isTransposed: false) = try meaning(name) {
                return try define(node, .image(value, isTransposed: true))
            }
            transposeQuantizedInput(name)
        }
        try rearrange(node, known: ["perm"]) { view, operands throws(ONNXError) in
            view.transposed(
                try ShapeRules.permutation(rank: view.dims.count, at: operands.call))
        }
    }

    /// An NHWC input that is quantized before it is transposed.
    mutating func transposeQuantizedInput(_ name: String) {
        let value: ValueID
        switch meanings[name] {
        case .quantized(let read, let view), .float(let read, let view):
            guard view.tensor.isNCHW else { return }
            value = read
        default: return
        }
        guard value < inputs.count, inputs[value].layout == .nchw,
            !results.contains(where: { $0.node.inputs.contains(value) })
        else { return }
        inputIsNHWC(value)
        // What was read of it so far has these axes; its 8-bit tensor is none that could be
        // compared.
        tensors[value] = nil
        let view = View(
            tensor: TensorView(shape(of: value), batch: batch, order: TensorView.nhwc))
        for (name, meaning) in meanings {
            switch meaning {
            case .quantized(value, _): meanings[name] = .quantized(value, view)
            case .float(value, _): meanings[name] = .float(value, view)
            default: break
            }
        }
    }
}
