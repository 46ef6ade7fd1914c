// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import Quantization

/// What layers with weights share, and where their biases lie.
extension QDQReading {
    func append(
        _ node: Onnx_NodeProto, _ convolution: Convolution, source: ValueID, form: QDQResultForm,
        _ weights: QuantizedParameters, outputs: Int
    ) throws {
        let inputScale = try activation(of: source).scale
        var tensor = BiasTensor(
            node: node.nameOrOutput, position: position,
            steps: weights.scales.map { BiasQuantization.scale(input: inputScale, weight: $0) })
        var parameters = weights
        parameters.bias = [Int32](repeating: 0, count: outputs)
        if let name = Self.optionalOperand(node, 2) {
            let shapes = convolution.isFullyConnected ? [[outputs], [1, outputs]] : [[outputs]]
            (parameters.bias, tensor.place) = try bias(name, of: tensor, shapes: shapes)
        }
        try append(
            node, .convolution(convolution), inputs: [source], parameters: parameters,
            bias: tensor, form: form)
    }

    func parameter(_ name: String) throws -> QDQParameter {
        guard case .parameter(let parameter) = try meaning(name) else {
            throw QDQError(
                .missingQuantization, tensor: name, "weights and bias must be dequantized constants"
            )
        }
        return parameter
    }

    /// A bias and where it lies.
    ///
    /// A float bias, which some quantizers leave, is read as the int32 bias that runtimes make of
    /// it when they fuse the operator: `rint(bias / (input scale * weight scale))`.
    func bias(
        _ name: String, of tensor: BiasTensor, shapes: [[Int]]
    ) throws -> (values: [Int32], place: BiasTensor.Place) {
        if constants[name] != nil {
            return (try tensor.integers(constant(name), shapes: shapes), .float(name))
        }
        let parameter = try parameter(name)
        return (
            try parameter.bias(steps: tensor.steps, shapes: shapes),
            .int32(parameter.constant.name)
        )
    }

    func isConstant(_ name: String) -> Bool {
        if case .parameter = meanings[name] { return true }
        return constants[name] != nil
    }
}
