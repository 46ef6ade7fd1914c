// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel
import PrintableText
import Quantization

/// Operators between the quantizers.
extension QDQReader {
    func readNode(_ node: Onnx_NodeProto) throws {
        guard Self.isStandard(node.domain) else {
            throw QDQError(
                .unsupported,
                "the operator \("\(node.domain).\(node.opType)".printable()) is not read")
        }
        switch node.opType {
        case "QuantizeLinear": try readQuantize(node)
        case "DequantizeLinear": try readDequantize(node)
        case "Constant": try readConstant(node)
        default:
            guard try readOperator(node) else {
                throw QDQError(
                    .unsupported, "the operator \(node.opType.printable()) is not read")
            }
        }
    }

    /// Turns a result into a value, with what its annotation adds.
    func take(_ index: Int, activation: TensorQuantization?) throws -> ValueID {
        guard results[index].value == nil else {
            throw QDQError(
                .unsupported, node: results[index].node.name,
                "its result is quantized twice, with different scales")
        }
        guard activations.prefix(inputs.count).contains(where: { $0 != nil }) else {
            throw QDQError(
                .missingQuantization, tensor: inputs[0].name, "the input is not quantized")
        }
        if let selected = results[index].selected {
            guard let activation else {
                throw QDQError(
                    .missingQuantization, node: results[index].node.name,
                    "selects from a float result and gives one")
            }
            // Clamping keeps order too.
            let clamp = results[index].node.clamp
            if let value = results[selected].value, activations[value] == activation,
                clamp == .none
            {
                results[index].node.inputs = [value]
            } else {
                results[selected].node.clamp = results[selected].node.clamp.followed(by: clamp)
                results[index].node.clamp = .none
                results[index].node.inputs = [try take(selected, activation: activation)]
            }
        }
        var node = results[index].node
        if let annotation = annotations.removeValue(forKey: node.name) {
            try apply(annotation, to: &node, activation: activation)
        }
        if node.operation.form.resultQuantization == .operand,
            activations[node.inputs[0]] != activation
        {
            throw QDQError(
                .inconsistentQuantization, node: node.name,
                "its result must have scale and zero point of its operand")
        }
        if let pool = results[index].pool { try take(pool, inFrontOf: &node, activation) }
        let value = try append(
            node, results[index].parameters, results[index].bias, activation: activation)
        results[index].value = value
        positions += [Int](repeating: results[index].position, count: nodes.count - positions.count)
        return value
    }

    func append(
        _ node: Node, _ parameters: QuantizedParameters? = nil, _ bias: BiasTensor? = nil,
        activation: TensorQuantization?
    ) throws -> ValueID {
        guard nodeNames.insert(node.name).inserted else {
            throw QDQError(.malformedGraph, node: node.name, "the name occurs twice")
        }
        nodes.append(node)
        self.parameters.append(parameters)
        biases.append(bias)
        tensors.append(nil)
        activations.append(activation)
        return activations.count - 1
    }

    /// Pools each operand of a Concat, to the quantization of the pooled result. A pool treats
    /// every channel alone, so it may stand on either side of the Concat.
    private func take(
        _ pool: Operation, inFrontOf join: inout Node, _ activation: TensorQuantization?
    ) throws {
        guard let activation else {
            throw QDQError(
                .missingQuantization, node: join.name,
                "joins and pools values of unlike scales and gives a float result")
        }
        for (operand, value) in join.inputs.enumerated() {
            var shape = join.shape
            shape.channels = self.shape(of: value).channels
            join.inputs[operand] = try append(
                Node(
                    name: "\(join.name)_\(operand + 1)", operation: pool, inputs: [value],
                    shape: shape),
                activation: activation)
        }
    }

    private func apply(
        _ annotation: QDQAnnotation, to node: inout Node, activation: TensorQuantization?
    ) throws {
        func fail(_ detail: String) -> QDQError {
            QDQError(.invalidMetadata, node: node.name, "its metadata entry \(detail)")
        }
        if annotation.clamp != .none {
            guard node.clamp == .none, node.operation != .clamp,
                activation?.implies(annotation.clamp) == true
            else { throw fail("has a clamp that the quantizer does not imply") }
            node.clamp = annotation.clamp
        }
        if !annotation.hadBias {
            guard var convolution = node.convolution else { throw fail("is for a convolution") }
            convolution.hadBias = false
            node.operation = .convolution(convolution)
        }
        if let pads = annotation.pads {
            let shape = shape(of: node.inputs[0])
            func restored(_ window: Window) throws -> Window {
                let original = window.withPads(pads)
                guard original.withPoolingPads(height: shape.height, width: shape.width) == window
                else { throw fail("has pads that do not fit the node") }
                return original
            }
            switch node.operation {
            case .maxPool(let window): node.operation = .maxPool(try restored(window))
            case .averagePool(let window, let countIncludePad):
                node.operation = .averagePool(
                    try restored(window), countIncludePad: countIncludePad)
            default: throw fail("has pads, but the node does not pool")
            }
        }
    }

    /// A constant that stands among the nodes.
    private func readConstant(_ node: Onnx_NodeProto) throws {
        guard var tensor = node.attribute.first(where: { $0.name == "value" })?.t,
            node.attribute.count == 1, let name = node.output.first, meanings[name] == nil
        else { throw QDQError(.unsupported, "this Constant is not read") }
        tensor.name = name
        guard constants.updateValue(tensor, forKey: name) == nil else {
            throw QDQError(.malformedGraph, tensor: name, "is defined twice")
        }
    }
}
