// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import Quantization

/// What operators share.
extension QDQReading {
    /// Records an operator's result, to be completed by a quantizer.
    func append(
        _ node: Onnx_NodeProto, _ operation: Operation, inputs: [ValueID], clamp: Clamp = .none,
        parameters: QuantizedParameters? = nil, bias: BiasTensor? = nil, form: QDQResultForm
    ) throws {
        let shapes = inputs.map { self.shape(of: $0) }
        let shape = try Self.outputShape(
            of: operation, operands: shapes, outputChannels: parameters?.bias.count ?? 0, node)
        let made = Node(
            name: node.nameOrOutput, operation: operation, inputs: inputs, clamp: clamp,
            shape: shape)
        try define(node, .result(results.count, view(of: shape, form)))
        results.append(
            QDQResult(node: made, position: position, parameters: parameters, bias: bias))
    }

    /// Extents of a node's result.
    static func outputShape(
        of operation: Operation, operands: [TensorShape], outputChannels: Int = 0,
        _ node: Onnx_NodeProto
    ) throws -> TensorShape {
        do throws(OperatorFault) {
            return try operation.outputShape(of: operands, outputChannels: outputChannels)
        } catch {
            let list = operands.map(\.description).joined(separator: ", ")
            throw QDQError(
                .malformedGraph, "\(node.opType) does not fit its inputs (\(list)): it \(error)")
        }
    }

    /// The operand of an operator over feature maps.
    func featureMap(
        _ node: Onnx_NodeProto, acceptsFloat: Bool = false
    ) throws -> ValueID {
        let name = try Self.operand(node, 0)
        let operand = try acceptsFloat ? meanOperand(name) : value(name)
        guard let steps = operand.view.tensor.toNCHW() else {
            throw QDQError(
                .unsupported, tensor: name, "\(node.opType) must read an NCHW feature map")
        }
        return try apply(steps, to: operand, for: node).id
    }
}
