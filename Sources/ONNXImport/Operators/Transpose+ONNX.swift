// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Transpose (opset 1 to 21).
extension ONNXOperator {
    static let transpose = ONNXOperator(
        ["Transpose"],
        translate: { call, network throws(ONNXError) in try network.transpose(call) },
        read: { node, reader in try reader.readTranspose(node) })
}

/// Values of `perm` in written files.
package enum TransposeOrder {
    /// From NHWC.
    package static let toNCHW = [0, 3, 1, 2]
    /// From NCHW.
    package static let toNHWC = [0, 2, 3, 1]
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

extension QDQReading {
    func readTranspose(_ node: Onnx_NodeProto) throws {
        let name = try Self.operand(node, 0)
        let given = try QDQAttributes(node, known: ["perm"]).ints("perm")
        if given == TransposeOrder.toNCHW {
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
}
