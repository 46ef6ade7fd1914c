// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import Quantization

/// Invariants of a quantized network, checked before it is written.
enum QDQValidation {
    /// - Throws: ``QDQError`` with code `invalidNetwork`.
    static func check(_ network: QuantizedNetwork) throws {
        let graph = network.graph
        try check(graph)
        for (index, node) in graph.nodes.enumerated() {
            try checkParameters(of: node, at: index, in: network)
        }
        for (value, activation) in network.activations.enumerated() {
            try check(activation, of: value, in: network)
        }
    }

    /// The structure alone.
    static func check(_ graph: Graph) throws {
        try checkNames(graph)
        try checkEnds(graph)
        for (index, node) in graph.nodes.enumerated() { try check(node, at: index, in: graph) }
    }

    private static func checkNames(_ graph: Graph) throws {
        let names = graph.inputs.map(\.name) + graph.outputs.map(\.name)
        guard !names.contains(""), Set(names).count == names.count else {
            throw QDQError(.invalidNetwork, "inputs and outputs need different names")
        }
        var seen: Set<String> = []
        for node in graph.nodes {
            guard !node.name.isEmpty else {
                throw QDQError(.invalidNetwork, "a node has no name")
            }
            guard seen.insert(node.name).inserted else {
                throw QDQError(.invalidNetwork, node: node.name, "the name occurs twice")
            }
        }
    }

    private static func checkEnds(_ graph: Graph) throws {
        guard !graph.inputs.isEmpty, !graph.outputs.isEmpty else {
            throw QDQError(.invalidNetwork, "a network has inputs and outputs")
        }
        for input in graph.inputs {
            guard input.shape.isWithinLimits else {
                throw QDQError(
                    .invalidNetwork, tensor: input.name, "the shape \(input.shape) is none")
            }
            guard input.batch.map({ 1...SizeLimits.extent ~= $0 }) ?? true else {
                throw QDQError(
                    .invalidNetwork, tensor: input.name, "the batch size is not positive")
            }
        }
        for output in graph.outputs { try check(output, in: graph) }
    }

    private static func check(_ output: Graph.Output, in graph: Graph) throws {
        guard 0..<graph.valueCount ~= output.value else {
            throw QDQError(.invalidNetwork, tensor: output.name, "no node computes the output")
        }
        let shape = graph.shape(of: output.value)
        if let extents = output.extents {
            let own = extents.first == 1 ? Array(extents.dropFirst()) : extents
            guard extents.count == output.rank, shape.layout == .rowMajor,
                own == shape.axes || shape.axes == [1] && own.isEmpty
                    || extents.reduce(1, { $0 &* $1 }) == shape.count
            else {
                throw QDQError(
                    .invalidNetwork, tensor: output.name,
                    "the extents \(extents) are not those of its value, \(shape)")
            }
            return
        }
        guard shape.layout == .features, output.rank == 4 || output.rank == 2 && shape.pixels == 1
        else {
            throw QDQError(
                .invalidNetwork, tensor: output.name,
                "the rank is \(output.rank) for a value of \(shape); it is 4 of feature maps and 2 "
                    + "of vectors")
        }
    }

    private static func check(_ node: Node, at index: Int, in graph: Graph) throws {
        func fail(_ detail: String) -> QDQError {
            QDQError(.invalidNetwork, node: node.name, detail)
        }
        guard node.inputs.allSatisfy({ 0..<graph.value(of: index) ~= $0 }) else {
            throw fail("reads a value that is not computed before it")
        }
        guard [node.clamp.lower, node.clamp.upper].allSatisfy({ $0?.isFinite ?? true }) else {
            throw fail("the clamp is not finite")
        }
        let inputs = node.inputs.map { graph.shape(of: $0) }
        let shape: TensorShape
        do throws(OperatorFault) {
            shape = try node.operation.outputShape(of: inputs, outputChannels: node.shape.channels)
        } catch {
            throw fail("\(error)")
        }
        guard shape == node.shape else { throw otherShape(node) }
        switch node.operation {
        case .convolution(let convolution):
            let whole = Window(kernelHeight: inputs[0].height, kernelWidth: inputs[0].width)
            guard
                !convolution.isFullyConnected
                    || convolution.window == whole && convolution.groups == 1
            else {
                throw fail("a fully connected layer needs one kernel that covers its whole input")
            }
        case .maxPool(let window): try check(window, input: inputs[0], node: node)
        case .averagePool(let window, _):
            guard window.dilationHeight == 1, window.dilationWidth == 1 else {
                throw fail("AveragePool has no dilation in operator set \(QDQProto.opset)")
            }
            try check(window, input: inputs[0], node: node)
        default: break
        }
    }

    private static func otherShape(_ node: Node) -> QDQError {
        QDQError(
            .invalidNetwork, node: node.name,
            "the shape is given as \(node.shape), but inputs and operation do not give it")
    }

    private static func checkParameters(
        of node: Node, at index: Int, in network: QuantizedNetwork
    ) throws {
        let parameters = network.parameters[index]
        guard (parameters != nil) == (node.convolution != nil) else {
            throw QDQError(
                .invalidNetwork, node: node.name,
                "parameters belong to convolutions, and only to them")
        }
        if node.operation.form.resultQuantization == .operand,
            network.activation(ofNode: index) != network.activations[node.inputs[0]]
        {
            throw QDQError(
                .invalidNetwork, node: node.name, "its result has the quantization of its operand")
        }
        guard let convolution = node.convolution, let parameters else { return }
        guard parameters.bias.count == node.shape.channels else { throw otherShape(node) }
        try check(
            parameters, of: convolution, input: network.graph.shape(of: node.inputs[0]), node: node)
    }

    private static func check(_ window: Window, input: TensorShape, node: Node) throws {
        guard window.withPoolingPads(height: input.height, width: input.width) != nil else {
            throw QDQError(
                .invalidNetwork, node: node.name,
                "a window lies in padding alone (pads \(window.pads))")
        }
    }

    private static func check(
        _ parameters: QuantizedParameters, of convolution: Convolution, input: TensorShape,
        node: Node
    ) throws {
        func fail(_ detail: String) -> QDQError {
            QDQError(.invalidNetwork, node: node.name, detail)
        }
        let window = convolution.window
        let outputs = parameters.bias.count
        let taps = window.kernelHeight * window.kernelWidth
        let perOutput = taps.multipliedReportingOverflow(by: input.channels / convolution.groups)
        let count = perOutput.partialValue.multipliedReportingOverflow(by: outputs)
        guard !perOutput.overflow, !count.overflow, parameters.weights.count == count.partialValue
        else { throw fail("there are \(parameters.weights.count) weights, not one for each tap") }
        guard parameters.scales.count == 1 || parameters.scales.count == outputs,
            parameters.zeroPoints.count == parameters.scales.count
        else {
            throw fail("weight scales and zero points must be one each or one per output channel")
        }
        let range = parameters.type.minimum...parameters.type.maximum
        guard parameters.weights.allSatisfy({ range ~= Int($0) }),
            parameters.zeroPoints.allSatisfy({ range ~= $0 })
        else { throw fail("weights or their zero points leave the range of \(parameters.type)") }
        guard parameters.scales.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw fail("a weight scale is not positive")
        }
    }

    private static func check(
        _ activation: TensorQuantization?, of value: ValueID, in network: QuantizedNetwork
    ) throws {
        let graph = network.graph
        guard let activation else {
            let isRead = graph.nodes.contains { $0.inputs.contains(value) }
            guard graph.isOutput(value), graph.node(of: value) != nil, !isRead else {
                throw QDQError(
                    .invalidNetwork, node: graph.name(of: value),
                    "only an output that nobody reads may stay float")
            }
            return
        }
        let range = activation.type.minimum...activation.type.maximum
        guard activation.scale.isFinite, activation.scale > 0, range ~= activation.zeroPoint else {
            throw QDQError(
                .invalidNetwork, node: graph.name(of: value),
                "scale \(activation.scale) or zero point \(activation.zeroPoint) is out of range")
        }
    }
}
