// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel

/// Declarations of inputs and outputs.
extension QDQReader {
    /// The float inputs; their shapes are set when their layouts are known.
    static func declaredInputs(
        _ file: Onnx_GraphProto, isConstant: (String) -> Bool
    ) throws -> [Graph.Input] {
        let inputs = file.input.filter { !isConstant($0.name) }
        guard !inputs.isEmpty else { throw QDQError(.unsupported, "has no inputs") }
        return try inputs.map(declaredInput)
    }

    private static func declaredInput(_ info: Onnx_ValueInfoProto) throws -> Graph.Input {
        let dims = info.type.tensorType.shape.dim
        guard info.type.tensorType.elemType == Int32(Onnx_TensorProto.DataType.float.rawValue)
        else {
            throw QDQError(.unsupportedType, tensor: info.name, "the input must be float")
        }
        guard dims.count == 4 else {
            throw QDQError(.unsupported, tensor: info.name, "the input must have four axes")
        }
        let extents = dims.map(\.dimValue)
        guard extents[1...].allSatisfy({ 1...Int64(SizeLimits.extent) ~= $0 }),
            0...Int64(SizeLimits.extent) ~= extents[0]
        else { throw QDQError(.unsupported, tensor: info.name, "the input's shape is not fixed") }
        let shape = TensorShape(
            height: Int(extents[2]), width: Int(extents[3]), channels: Int(extents[1]))
        return Graph.Input(
            name: info.name, shape: shape, layout: .nchw,
            batch: extents[0] > 0 ? Int(extents[0]) : nil)
    }

    /// Re-reads the declared extents, taken as C, H, W, as H, W, C.
    func inputIsNHWC(_ value: ValueID) {
        let declared = inputs[value].shape
        inputs[value].shape = TensorShape(
            height: declared.channels, width: declared.height, channels: declared.width)
        inputs[value].layout = .nhwc
    }

    func readOutputs() throws -> [Graph.Output] {
        guard !file.output.isEmpty else { throw QDQError(.unsupported, "has no outputs") }
        var outputs: [Graph.Output] = []
        for info in file.output { outputs.append(try readOutput(info)) }
        return outputs
    }

    /// Puts float outputs, which become values when all nodes have been read, where their operators
    /// stand.
    func sortByPosition(_ outputs: inout [Graph.Output]) {
        let order = nodes.indices.sorted { (positions[$0], $0) < (positions[$1], $1) }
        var places = Array(0..<inputs.count + nodes.count)
        for (place, node) in order.enumerated() {
            places[inputs.count + node] = inputs.count + place
        }
        func sorted<Element>(_ values: [Element], from first: Int) -> [Element] {
            Array(values.prefix(first)) + order.map { values[first + $0] }
        }
        nodes = sorted(nodes, from: 0).map { node in
            var node = node
            node.inputs = node.inputs.map { places[$0] }
            return node
        }
        parameters = sorted(parameters, from: 0)
        biases = sorted(biases, from: 0)
        tensors = sorted(tensors, from: inputs.count)
        activations = sorted(activations, from: inputs.count)
        for index in outputs.indices { outputs[index].value = places[outputs[index].value] }
    }

    private func readOutput(
        _ info: Onnx_ValueInfoProto
    ) throws -> Graph.Output {
        var logits = try meaning(info.name)
        var function: Graph.OutputFunction?
        var arrangement: QDQView?
        if case .function(let kind, let source, let view) = logits {
            (function, logits, arrangement) = (kind, source, view)
        }
        let value: ValueID
        let view: QDQView
        switch logits {
        case .float(let id, let own): (value, view) = (id, arrangement ?? own)
        case .result(let index, let own):
            value = try results[index].value ?? take(index, activation: nil)
            view = arrangement ?? own
        case .quantized, .image, .weight, .parameter, .function:
            throw QDQError(.unsupported, tensor: info.name, "the output must be a float result")
        }
        let tensor = view.tensor
        let declared = info.type.tensorType
        guard !declared.hasShape || declared.shape.dim.count == tensor.dims.count else {
            throw QDQError(
                .malformedGraph, tensor: info.name, "the output's rank is not \(tensor.dims.count)")
        }
        var output = Graph.Output(
            name: info.name, value: value, rank: tensor.dims.count, function: function)
        if tensor.isNHWC, !tensor.isNCHW { output.layout = .nhwc }
        let isVector =
            tensor.shape.layout == .features && tensor.shape.pixels == 1
            && tensor.isOrdered([.batch, .channel])
        if !tensor.isNCHW, !tensor.isNHWC, !isVector {
            guard let steps = tensor.toRows() else {
                throw QDQError(.unsupported, tensor: info.name, "mixes images of a batch")
            }
            var reader = Onnx_NodeProto()
            reader.name = info.name
            output.value = try apply(steps, to: (value, view), for: reader).id
            output.extents = tensor.dims
            if tensor.hasBatchAxis { output.extents?[0] = 1 }
        }
        return output
    }
}
