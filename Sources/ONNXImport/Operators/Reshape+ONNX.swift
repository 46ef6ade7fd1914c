// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Reshape (opset 5 to 21), Flatten, Squeeze and Unsqueeze (opset 1 to 21), which only rearrange
/// axes.
extension ONNXOperator {
    static let reshape = ONNXOperator(
        ["Reshape"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.reshape(node, known: ["allowzero"]) })

    static let flatten = ONNXOperator(
        ["Flatten"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.reshape(node, known: ["axis"]) })

    static let squeeze = ONNXOperator(
        ["Squeeze"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.reshape(node, known: ["axes"]) })

    static let unsqueeze = ONNXOperator(
        ["Unsqueeze"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.reshape(node, known: ["axes"]) })
}

extension GraphTranslation {
    mutating func rearrange(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...2, attributes: ["allowzero", "axes", "axis"])
        let activation = try activation(0, of: call)
        let dims = try ConstantFolding.rearranged(
            activation.dims, constantOperands(of: call))
        return .activation(try reshaped(activation, to: dims, at: call))
    }
}

extension GraphTranslation {
    /// The same numbers with other extents: a view, but for extents that are no multiples of each
    /// other.
    mutating func reshaped(
        _ activation: Activation, to dims: [Int], at call: OperatorCall
    ) throws(ONNXError) -> Activation {
        if let view = activation.view.reshaped(to: dims) {
            return activation.viewed(view, by: call.name)
        }
        guard let (flat, steps) = activation.view.flattened(),
            let view = (steps.last?.view ?? flat).reshaped(to: dims)
        else {
            throw call.unsupported(
                "from \(activation.dims) to \(dims) mixes images of a batch.")
        }
        return try apply(steps, to: activation.viewed(flat, by: call.name), at: call)
            .viewed(view, by: call.name)
    }
}
