// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel
import PrintableText
import Quantization

/// Rebuilds a network from a QDQ graph in one pass over its nodes.
///
/// Each tensor is given a meaning as soon as its node is met, whatever the names are: the patterns
/// are `DequantizeLinear -> operator -> [Relu | Clip] -> QuantizeLinear`, and shape changes that
/// keep a value's quantization. Other quantizers leave quantizers out where an operator only
/// selects values (a max-pool, a Concat of equal quantizations), which then keeps its input's
/// quantization, and quantize a value again with another scale, which becomes a node of its own.
final class QDQReader: QDQReading {
    let file: Onnx_GraphProto
    /// Version of the standard operator set.
    let opset: Int64
    var constants: [String: Onnx_TensorProto] = [:]
    var meanings: [String: QDQMeaning] = [:]
    var results: [QDQResult] = []
    var annotations: [String: QDQAnnotation] = [:]

    var inputs: [Graph.Input]
    var nodes: [Node] = []
    var nodeNames: Set<String> = []
    /// In the file, of each node.
    var positions: [Int] = []
    var parameters: [QuantizedParameters?] = []
    var biases: [BiasTensor?] = []
    /// Name of the first 8-bit tensor of each value.
    var tensors: [String?] = []
    /// Position in the file of the node in work.
    var position = 0
    /// Values of steps that were taken before.
    var movements: [Movement: ValueID] = [:]

    /// An operation on a value that only moves it.
    struct Movement: Hashable {
        var value: ValueID
        var operation: Operation
    }

    /// Quantization of each value met so far; the inputs' come first.
    var activations: [TensorQuantization?] = []

    init(_ model: Onnx_ModelProto) throws {
        guard model.hasGraph, !model.graph.node.isEmpty else {
            throw QDQError(.notAModel, "has no graph")
        }
        let standard = model.opsetImport.first { Self.isStandard($0.domain) }
        guard let standard, standard.version >= 11 else {
            throw QDQError(
                .unsupported, "has operator set \(standard?.version ?? 0); at least 11 is needed")
        }
        file = model.graph
        opset = standard.version
        for tensor in file.initializer {
            guard constants.updateValue(tensor, forKey: tensor.name) == nil else {
                throw QDQError(.malformedGraph, tensor: tensor.name, "is defined twice")
            }
        }
        inputs = try Self.declaredInputs(file, isConstant: { [constants] in constants[$0] != nil })
        for (value, input) in inputs.enumerated() {
            meanings[input.name] = .image(value, isTransposed: false)
            activations.append(nil)
            tensors.append(nil)
        }
        try readAnnotations(model)
    }

    static func isStandard(_ domain: String) -> Bool { domain.isEmpty || domain == "ai.onnx" }

    func read() throws -> QuantizedNetwork {
        for (index, node) in file.node.enumerated() {
            position = index
            try readNaming(node)
        }
        var outputs = try readOutputs()
        if outputs.count > 1 || !movements.isEmpty { sortByPosition(&outputs) }
        for (value, input) in inputs.enumerated() where activations[value] == nil {
            throw QDQError(.missingQuantization, tensor: input.name, "the input is not quantized")
        }
        if let unused = results.first(where: { $0.value == nil && !$0.isPooled }) {
            throw QDQError(
                .missingQuantization, node: unused.node.name, "no QuantizeLinear reads its result")
        }
        if let name = annotations.keys.min() {
            throw QDQError(
                .invalidMetadata, node: name,
                "a metadata entry describes this node, which is not there")
        }
        let graph = Graph(name: file.name, inputs: inputs, nodes: nodes, outputs: outputs)
        return QuantizedNetwork(graph: graph, parameters: parameters, activations: activations)
    }

    /// Reads a node; an error that knows no node is given this one's name.
    private func readNaming(_ node: Onnx_NodeProto) throws {
        do {
            try readNode(node)
        } catch var error as QDQError {
            error.node = error.node ?? node.nameOrOutput
            throw error
        }
    }

    private func readAnnotations(_ model: Onnx_ModelProto) throws {
        for entry in model.metadataProps where entry.key.hasPrefix(QDQAnnotation.nodePrefix) {
            let name = String(entry.key.dropFirst(QDQAnnotation.nodePrefix.count))
            guard let annotation = QDQAnnotation(text: entry.value),
                annotations.updateValue(annotation, forKey: name) == nil
            else {
                throw QDQError(
                    .invalidMetadata,
                    "the entry \(printable(entry.key)) cannot be read: \(printable(entry.value))")
            }
        }
    }
}

// MARK: - Look-ups

extension QDQReader {
    var batch: Int { inputs[0].batch ?? 1 }

    func shape(of value: ValueID) -> TensorShape {
        value < inputs.count ? inputs[value].shape : nodes[value - inputs.count].shape
    }

    func value(_ name: String) throws -> QDQOperand {
        switch try meaning(name) {
        case .float(let value, let view):
            guard activations[value] != nil else {
                throw QDQError(
                    .missingQuantization, tensor: name,
                    "the result of node '\(nodes[value - inputs.count].name)' is read in float, and "
                        + "not by a mean alone")
            }
            return (value, view)
        case .result(let index, let view) where results[index].value == nil:
            guard let activation = exactActivation(of: results[index]) else {
                throw QDQError(
                    .missingQuantization, tensor: name,
                    "the result of node '\(results[index].node.name)' is read in float"
                )
            }
            let value = try take(index, activation: activation)
            results[index].isExact = true
            return (value, view)
        case .quantized, .weight:
            throw QDQError(
                .unsupported, tensor: name, "is 8-bit, but is read without DequantizeLinear")
        case .image, .result:
            throw QDQError(.missingQuantization, tensor: name, "is read before it is quantized")
        case .parameter:
            throw QDQError(.unsupported, tensor: name, "is a constant, but is read as activations")
        case .function(let function, _, _):
            throw QDQError(
                .unsupported, tensor: name,
                "is the result of a \(function.rawValue), which can only be the network's end")
        }
    }
}

// MARK: - Values without a quantizer

extension QDQReader {
    /// The quantization in which a result is exact as it stands: that of the values it selects
    /// from.
    func exactActivation(of result: QDQResult) -> TensorQuantization? {
        let node = result.node
        guard result.selected == nil, let first = activations[node.inputs[0]] else { return nil }
        guard node.operation.form.selectsValues else { return nil }
        let isShared = node.inputs.allSatisfy { activations[$0] == first }
        return isShared && first.represents(node.clamp) ? first : nil
    }
}

extension TensorQuantization {
    /// True where clamping a value of this quantization gives one of it again.
    fileprivate func represents(_ clamp: Clamp) -> Bool {
        [clamp.lower, clamp.upper].allSatisfy { bound in
            guard let bound else { return true }
            return Float(quantized(bound) - zeroPoint) * scale == bound
        } || implies(clamp)
    }
}
