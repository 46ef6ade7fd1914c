// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import PrintableText
import Quantization

/// Rebuilds a network from a QDQ graph in one pass over its nodes.
///
/// Each tensor is given a meaning as soon as its node is met, whatever the names are: the patterns
/// are `DequantizeLinear -> operator -> [Relu | Clip] -> QuantizeLinear`, and shape changes that
/// keep a value's quantization. Other quantizers leave quantizers out where an operator only
/// selects values (a max-pool, a Concat of equal quantizations), which then keeps its input's
/// quantization, and quantize a value again with another scale, which becomes a node of its own.
struct QDQReader {
    /// How a tensor shows a value.
    struct View {
        var tensor: TensorView
        /// The node that took axes apart, moved or joined them last.
        var viewer: Viewer?

        struct Viewer {
            var name: String
            /// In the file.
            var position: Int
        }
    }

    /// How the tensor that an operator gives shows its result.
    enum ResultForm {
        /// As a feature map `[N, C, H, W]`.
        case nchw
        /// A vector of features as `[N, C]`.
        case vector
        case view(View)
    }

    /// What a tensor is.
    enum Meaning {
        /// A float input, by its position, maybe after a Transpose from NHWC.
        case image(ValueID, isTransposed: Bool)
        /// 8-bit tensor of a value.
        case quantized(ValueID, View)
        /// The same, dequantized.
        case float(ValueID, View)
        /// Float result of an operator, not yet quantized: index into `results`.
        case result(Int, View)
        /// Float constant behind QuantizeLinear.
        case weight(QDQConstant, QDQParameter.Steps)
        /// Dequantized constant.
        case parameter(QDQParameter)
        /// What the file makes of the logits, in this arrangement, quantized or not: nothing reads
        /// it but the output.
        indirect case function(Graph.OutputFunction, of: Meaning, View)
    }

    /// An operator whose result still waits for its quantizer.
    struct Result {
        var node: Node
        /// Position in the file.
        var position: Int
        var parameters: QuantizedParameters?
        var bias: BiasTensor?
        /// The value it became.
        var value: ValueID?
        /// The 8-bit value is exact without a quantizer, and the float tensor may be read as well.
        var isExact = false
        /// Of a Concat: what each of its operands goes through first, with the quantization of the
        /// result.
        var pool: Operation?
        /// Of a max-pool: the result it selects from, as an index, which takes the quantization of
        /// the pool.
        var selected: Int?
        /// Another result is this one pooled, and its own may stay without a quantizer.
        var isPooled = false
    }

    let file: Onnx_GraphProto
    /// Version of the standard operator set.
    let opset: Int64
    var constants: [String: Onnx_TensorProto] = [:]
    var meanings: [String: Meaning] = [:]
    var results: [Result] = []
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

    mutating func read() throws -> QuantizedNetwork {
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
    private mutating func readNaming(_ node: Onnx_NodeProto) throws {
        do {
            try readNode(node)
        } catch var error as QDQError {
            error.node = error.node ?? Self.name(of: node)
            throw error
        }
    }

    private mutating func readAnnotations(_ model: Onnx_ModelProto) throws {
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
    /// Name of a node, or of its output where it has none.
    static func name(of node: Onnx_NodeProto) -> String {
        node.name.isEmpty ? node.output.first ?? "" : node.name
    }

    /// Name of an operand that must be given.
    static func operand(_ node: Onnx_NodeProto, _ index: Int) throws -> String {
        guard node.input.indices.contains(index), !node.input[index].isEmpty else {
            throw QDQError(
                .malformedGraph, "operand \(index) of \(node.opType.printable()) is missing")
        }
        return node.input[index]
    }

    static func optionalOperand(_ node: Onnx_NodeProto, _ index: Int) -> String? {
        node.input.indices.contains(index) && !node.input[index].isEmpty ? node.input[index] : nil
    }

    func constant(_ name: String) throws -> QDQConstant {
        guard let tensor = constants[name] else {
            throw QDQError(.unsupported, tensor: name, "must be a constant")
        }
        return try QDQConstant(tensor)
    }

    func meaning(_ name: String) throws -> Meaning {
        if case .result(let index, let view) = meanings[name], results[index].isExact,
            let value = results[index].value
        {
            return .float(value, view)
        }
        guard let meaning = meanings[name] else {
            throw QDQError(
                constants[name] == nil ? .malformedGraph : .missingQuantization, tensor: name,
                constants[name] == nil
                    ? "no node before this one computes it"
                    : "a constant is read without DequantizeLinear")
        }
        return meaning
    }

    mutating func define(_ node: Onnx_NodeProto, _ meaning: Meaning) throws {
        guard node.output.count == 1, let name = node.output.first, !name.isEmpty else {
            throw QDQError(.unsupported, "\(node.opType.printable()) must have one output")
        }
        guard meanings[name] == nil, constants[name] == nil else {
            throw QDQError(.malformedGraph, tensor: name, "is defined twice")
        }
        meanings[name] = meaning
    }

    func shape(of value: ValueID) -> TensorShape {
        value < inputs.count ? inputs[value].shape : nodes[value - inputs.count].shape
    }

    /// Quantization of a value that a node reads; only the output can be without, and nothing reads
    /// it.
    func activation(of value: ValueID) throws -> TensorQuantization {
        guard let activation = activations[value] else {
            throw QDQError(.missingQuantization, "reads a value that is not quantized")
        }
        return activation
    }

    /// The value that a float operand holds, and its arrangement.
    mutating func value(_ name: String) throws -> (id: ValueID, view: View) {
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
    /// The operand of a mean over all pixels, which may be the float result of a layer.
    mutating func meanOperand(_ name: String) throws -> (id: ValueID, view: View) {
        guard case .result(let index, let view) = try meaning(name),
            results[index].node.convolution != nil
        else { return try value(name) }
        let value = try results[index].value ?? take(index, activation: nil)
        guard activations[value] == nil else { return try self.value(name) }
        return (value, view)
    }

    /// The quantization in which a result is exact as it stands: that of the values it selects
    /// from.
    func exactActivation(of result: Result) -> TensorQuantization? {
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
