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
        return .activation(
            activation.transposed(
                try ShapeRules.permutation(rank: activation.dims.count, at: call)))
    }
}

extension QDQReader {
    mutating func readTranspose(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["perm"])
        let given = try attributes.ints("perm")
        let order = given.isEmpty ? [3, 2, 1, 0] : given
        let name = try Self.operand(node, 0)
        if case .image(let value, isTransposed: false) = try meaning(name),
            order == QDQWriter.toNCHW
        {
            return try define(node, .image(value, isTransposed: true))
        }
        if order == QDQWriter.toNCHW { transposeQuantizedInput(name) }
        try rearrange(node, name) { view, _ in
            switch (view, order) {
            case (.map(.nchw), QDQWriter.toNHWC): .map(.nhwc)
            case (.map(.nhwc), QDQWriter.toNCHW): .map(.nchw)
            default: nil
            }
        }
    }

    /// An NHWC input that is quantized before it is transposed.
    mutating func transposeQuantizedInput(_ name: String) {
        let value: ValueID
        switch meanings[name] {
        case .quantized(let read, .map(.nchw)), .float(let read, .map(.nchw)): value = read
        default: return
        }
        guard value < inputs.count, inputs[value].layout == .nchw,
            !results.contains(where: { $0.node.inputs.contains(value) })
        else { return }
        inputIsNHWC(value)
        // What was read of it so far has these axes; its 8-bit tensor is none that could be
        // compared.
        tensors[value] = nil
        for (name, meaning) in meanings {
            switch meaning {
            case .quantized(value, _): meanings[name] = .quantized(value, .map(.nhwc))
            case .float(value, _): meanings[name] = .float(value, .map(.nhwc))
            default: break
            }
        }
    }
}
