// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// What operators share that only rearrange axes, which may stand anywhere outside the 8-bit
/// operators.
extension QDQReader {
    /// Axes as an input, or as an attribute in earlier operator sets.
    func axes(of node: Onnx_NodeProto, _ attributes: QDQAttributes) throws -> [Int] {
        try Self.optionalOperand(node, 1).map { try constant($0).int64s() }
            ?? attributes.ints("axes")
    }

    /// Gives the output the operand's value in another arrangement; nil means it has none.
    mutating func rearrange(
        _ node: Onnx_NodeProto, _ name: String, _ change: (View, FeatureShape) -> View?
    ) throws {
        func changed(_ view: View, _ shape: FeatureShape) throws -> View {
            guard let new = change(view, shape) else {
                throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
            }
            return new
        }
        switch try meaning(name) {
        case .quantized(let value, let view):
            try define(node, .quantized(value, try changed(view, shape(of: value))))
        case .float(let value, let view):
            try define(node, .float(value, try changed(view, shape(of: value))))
        case .result(let index, let view):
            try define(node, .result(index, try changed(view, results[index].node.shape)))
        case .function(let function, let logits, let view):
            let new = try changed(view, shape(of: logits))
            try define(node, .function(function, of: logits, new))
        case .image, .weight, .parameter:
            throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
        }
    }
}
