// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import ONNXModel
import PrintableText
package import Quantization

/// What operators need of the reader of a quantized file, and change in it: what the tensors met so
/// far are.
///
/// Classes conform, so that operators reach what one holds through this protocol without a copy.
package protocol QDQReading: AnyObject {
    /// The graph as it stands in the file.
    var file: Onnx_GraphProto { get }
    /// Version of the standard operator set.
    var opset: Int64 { get }
    /// Position in the file of the node in work.
    var position: Int { get }
    /// Images of a batch; 1 where the file leaves their number open.
    var batch: Int { get }
    /// Initializers, and Constants met so far, by name.
    var constants: [String: Onnx_TensorProto] { get }
    /// Tensors by name, constants left out.
    var meanings: [String: QDQMeaning] { get set }
    /// Of all operators met so far.
    var results: [QDQResult] { get set }
    /// Quantization of each value met so far, the inputs' first; nil for a float output, and for an
    /// input that no QuantizeLinear has read yet.
    var activations: [TensorQuantization?] { get }

    /// Extents of an input or of a node's result, per image.
    func shape(of value: ValueID) -> TensorShape

    /// The value that a float operand holds, and how the tensor shows it.
    /// - Throws: ``QDQError`` where the tensor is none, or a value without a quantizer.
    func value(_ name: String) throws -> QDQOperand

    /// Turns a result, by its index, into a value of this quantization, nil for a float output.
    /// - Throws: ``QDQError`` where it is one already, or cannot have the quantization.
    func take(_ index: Int, activation: TensorQuantization?) throws -> ValueID

    /// The quantization in which a result is exact as it stands; nil where there is none.
    func exactActivation(of result: QDQResult) -> TensorQuantization?

    /// Brings a value into another form by nodes that the file shows as views, or not at all.
    /// - Throws: ``QDQError`` where such a node cannot be added.
    func apply(
        _ steps: [TensorView.Step], to operand: QDQOperand, for node: Onnx_NodeProto
    ) throws -> QDQOperand

    /// Gives the node's one output, an 8-bit tensor, the meaning of a value.
    /// - Throws: ``QDQError`` where there are more outputs, or the name has a meaning.
    func define(_ node: Onnx_NodeProto, value: ValueID, _ view: QDQView) throws

    /// Takes an input that is quantized before it is transposed, by the name of a tensor that holds
    /// it, for NHWC; leaves all others as they are.
    func transposeQuantizedInput(_ name: String)
}

/// A value that a tensor holds, and how it shows it.
package typealias QDQOperand = (id: ValueID, view: QDQView)

/// How a tensor shows a value.
package struct QDQView {
    /// Extents and order of the tensor's axes.
    package var tensor: TensorView
    /// The node that took axes apart, moved or joined them last.
    package var viewer: Viewer?

    /// A node of the file.
    package struct Viewer {
        /// Of the node, or of its output where it has none.
        package var name: String
        /// In the file.
        package var position: Int
    }

    /// A view that no node made.
    package init(tensor: TensorView) { self.tensor = tensor }

    init(tensor: TensorView, viewer: Viewer?) {
        self.tensor = tensor
        self.viewer = viewer
    }
}

/// How the tensor that an operator gives shows its result.
package enum QDQResultForm {
    /// As a feature map `[N, C, H, W]`.
    case nchw
    /// A vector of features as `[N, C]`.
    case vector
    /// As given, whose shape is the result's.
    case view(QDQView)
}

/// What a tensor is.
package enum QDQMeaning {
    /// A float input, by its position, maybe after a Transpose from NHWC.
    case image(ValueID, isTransposed: Bool)
    /// 8-bit tensor of a value.
    case quantized(ValueID, QDQView)
    /// The same, dequantized.
    case float(ValueID, QDQView)
    /// Float result of an operator, not yet quantized: index into `results`.
    case result(Int, QDQView)
    /// Float constant behind QuantizeLinear.
    case weight(QDQConstant, QDQParameter.Steps)
    /// Dequantized constant.
    case parameter(QDQParameter)
    /// What the file makes of the logits, in this arrangement, quantized or not: nothing reads
    /// it but the output.
    indirect case function(Graph.OutputFunction, of: QDQMeaning, QDQView)
}

/// An operator whose result still waits for its quantizer.
package struct QDQResult {
    /// The network's node as far as it is known; its inputs are values.
    package var node: Node
    /// Position in the file.
    package var position: Int
    /// Weights and bias of a convolution.
    package var parameters: QuantizedParameters?
    /// Where the bias of a convolution lies.
    package var bias: BiasTensor?
    /// The value it became.
    package var value: ValueID?
    /// The 8-bit value is exact without a quantizer, and the float tensor may be read as well.
    package var isExact = false
    /// Of a Concat: what each of its operands goes through first, with the quantization of the
    /// result.
    package var pool: Operation?
    /// Of a max-pool: the result it selects from, as an index, which takes the quantization of
    /// the pool.
    package var selected: Int?
    /// Another result is this one pooled, and its own may stay without a quantizer.
    package var isPooled = false

    /// A result that has no value yet.
    package init(
        node: Node, position: Int, parameters: QuantizedParameters? = nil, bias: BiasTensor? = nil,
        selected: Int? = nil
    ) {
        self.node = node
        self.position = position
        self.parameters = parameters
        self.bias = bias
        self.selected = selected
    }
}

// MARK: - Look-ups

extension Onnx_NodeProto {
    /// Name of the node, or of its output where it has none.
    package var nameOrOutput: String { name.isEmpty ? output.first ?? "" : name }
}

extension QDQReading {
    /// What a tensor is that a node before this one computes.
    /// - Throws: ``QDQError`` where none does.
    package func meaning(_ name: String) throws -> QDQMeaning {
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

    /// Gives the node's one output a meaning.
    /// - Throws: ``QDQError`` where there are more, or the name has one.
    package func define(_ node: Onnx_NodeProto, _ meaning: QDQMeaning) throws {
        guard node.output.count == 1, let name = node.output.first, !name.isEmpty else {
            throw QDQError(.unsupported, "\(node.opType.printable()) must have one output")
        }
        guard meanings[name] == nil, constants[name] == nil else {
            throw QDQError(.malformedGraph, tensor: name, "is defined twice")
        }
        meanings[name] = meaning
    }

    /// How a tensor of this form shows a value of this shape.
    package func view(of shape: TensorShape, _ form: QDQResultForm) -> QDQView {
        switch form {
        case .nchw: QDQView(tensor: TensorView(shape, batch: batch, order: TensorView.nchw))
        case .vector:
            QDQView(tensor: TensorView(shape, batch: batch, order: [.batch, .channel]))
        case .view(let view): view
        }
    }

    /// Name of an operand that must be given.
    /// - Throws: ``QDQError`` with code `malformedGraph` where it is missing.
    package static func operand(_ node: Onnx_NodeProto, _ index: Int) throws -> String {
        guard node.input.indices.contains(index), !node.input[index].isEmpty else {
            throw QDQError(
                .malformedGraph, "operand \(index) of \(node.opType.printable()) is missing")
        }
        return node.input[index]
    }

    /// Name of an operand; nil where it is missing.
    package static func optionalOperand(_ node: Onnx_NodeProto, _ index: Int) -> String? {
        node.input.indices.contains(index) && !node.input[index].isEmpty ? node.input[index] : nil
    }

    /// A constant of the file.
    /// - Throws: ``QDQError`` where there is none of this name, or it cannot be read.
    package func constant(_ name: String) throws -> QDQConstant {
        guard let tensor = constants[name] else {
            throw QDQError(.unsupported, tensor: name, "must be a constant")
        }
        return try QDQConstant(tensor)
    }
}

// MARK: - Values without a quantizer

extension QDQReading {
    /// Quantization of a value that a node reads; only the output can be without, and nothing reads
    /// it.
    func activation(of value: ValueID) throws -> TensorQuantization {
        guard let activation = activations[value] else {
            throw QDQError(.missingQuantization, "reads a value that is not quantized")
        }
        return activation
    }

    /// The operand of a mean over all pixels, which may be the float result of a layer.
    func meanOperand(_ name: String) throws -> QDQOperand {
        guard case .result(let index, let view) = try meaning(name),
            results[index].node.convolution != nil
        else { return try value(name) }
        let value = try results[index].value ?? take(index, activation: nil)
        guard activations[value] == nil else { return try self.value(name) }
        return (value, view)
    }
}
