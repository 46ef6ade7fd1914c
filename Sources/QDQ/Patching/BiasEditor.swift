// SPDX-License-Identifier: Apache-2.0

import ONNXImport
import ONNXModel
import Quantization
import SwiftProtobuf

/// Edits of a file's bytes that give its convolutions other biases, and touch nothing else.
///
/// A bias that exists is overwritten where it lies. A convolution without one, or with one that
/// others read too, that is no initializer or whose new values no float32 stands for, gets an int32
/// initializer, its scales and a DequantizeLinear of its own; those are put in front of and behind
/// everything else in the graph. A MatMul, which has no operand for a bias, becomes the Gemm it is.
struct BiasEditor {
    /// One convolution's bias.
    struct Change {
        var tensor: BiasTensor
        var old: [Int32]
        var new: [Int32]
    }

    private let bytes: [UInt8]
    private let graph: ProtobufMessage.Field
    private let nodes: [ProtobufMessage.Field]
    private let initializers: [ProtobufMessage.Field]
    private let model: Onnx_ModelProto
    private var names = UniqueNames()
    private var edits: [ByteEdit] = []
    /// Messages whose length changes with their content, inner ones first.
    private var containers: [ProtobufMessage.Field] = []
    private var addedNodes: [UInt8] = []
    private var addedInitializers: [UInt8] = []

    /// Field numbers of onnx.proto.
    private enum Number {
        static let modelGraph = 7
        static let (graphNode, graphInitializer) = (1, 5)
        static let (nodeInput, nodeOperator) = (1, 4)
        static let (floatData, int32Data, rawData) = (4, 5, 9)
    }

    init(_ bytes: [UInt8], _ model: Onnx_ModelProto) throws {
        let message = try ProtobufMessage(bytes, in: bytes.indices)
        // A message in several pieces is legal, and nobody writes one.
        guard let graph = message.all(Number.modelGraph).first,
            message.all(Number.modelGraph).count == 1
        else { throw QDQError(.unsupported, "has a graph in several pieces") }
        let content = try ProtobufMessage(bytes, in: graph.content)
        self.bytes = bytes
        self.graph = graph
        self.model = model
        nodes = content.all(Number.graphNode)
        initializers = content.all(Number.graphInitializer)
        for tensor in model.graph.initializer { _ = names.claim(tensor.name) }
        for node in model.graph.node {
            _ = names.claim(node.name)
            for name in node.input + node.output { _ = names.claim(name) }
        }
    }

    /// Edits in ascending order. Biases that stay as they are may be among `biases`.
    static func edits(
        of bytes: [UInt8], _ model: Onnx_ModelProto, _ biases: [Change]
    ) throws -> [ByteEdit] {
        var editor = try BiasEditor(bytes, model)
        // A float bias is brought to its int32 value also where that stays, so that operators a
        // runtime leaves in float compute with the same.
        for bias in biases where bias.old != bias.new || bias.tensor.isFloat {
            precondition(bias.tensor.place != .fixed)
            guard let place = try editor.place(of: bias.tensor) else {
                try editor.add(bias.new, to: bias.tensor)
                continue
            }
            if !bias.tensor.isFloat {
                editor.replace(place, with: bias.new)
            } else if let floats = bias.tensor.floats(bias.new) {
                editor.replace(place, with: littleEndian(floats.map(\.bitPattern)), .float)
            } else {
                try editor.add(bias.new, to: bias.tensor)
            }
        }
        return editor.finish()
    }

    private static func littleEndian<T: FixedWidthInteger>(_ values: [T]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.littleEndian, Array.init) }
    }

    /// Elements of an initializer.
    private struct Place {
        var name: String
        var range: Range<Int>
        /// The field and the tensor around them where the elements are packed values instead of raw
        /// data.
        var packing: (field: ProtobufMessage.Field, tensor: ProtobufMessage.Field)?
    }

    /// Where a bias can be overwritten; nil where there is none, where others read it too, and
    /// where it is no initializer in one piece.
    private func place(of bias: BiasTensor) throws -> Place? {
        guard let name = bias.name, reader(of: name, is: bias),
            let index = model.graph.initializer.firstIndex(where: { $0.name == name })
        else { return nil }
        let tensor = initializers[index]
        let content = try ProtobufMessage(bytes, in: tensor.content)
        if let raw = content.all(Number.rawData).first {
            return Place(name: name, range: raw.content)
        }
        let number = bias.isFloat ? Number.floatData : Number.int32Data
        guard let packed = content.all(number).first,
            content.fields.filter({ $0.number == number }).count == 1
        else { return nil }
        return Place(name: name, range: packed.content, packing: (packed, tensor))
    }

    /// Whether a bias's node is the only one that reads the tensor, itself or dequantized.
    private func reader(of name: String, is bias: BiasTensor) -> Bool {
        let readers = model.graph.node.indices.filter { model.graph.node[$0].input.contains(name) }
        guard readers.count == 1 else { return false }
        if readers[0] == bias.position { return true }
        return model.graph.node[readers[0]].output.allSatisfy { reader(of: $0, is: bias) }
    }

    private mutating func replace(_ place: Place, with integers: [Int32]) {
        guard place.packing != nil else {
            return replace(place, with: Self.littleEndian(integers), .int32)
        }
        let varints = integers.flatMap { ProtobufMessage.varint(signExtending: $0) }
        replace(place, with: varints, .structure)
    }

    private mutating func replace(
        _ place: Place, with bytes: [UInt8], _ elements: ByteEdit.Elements
    ) {
        append(place.name, place.range, bytes, elements)
        if let packing = place.packing { containers += [packing.field, packing.tensor] }
    }

    private mutating func add(_ bias: [Int32], to tensor: BiasTensor) throws {
        let node = nodes[tensor.position]
        let content = try ProtobufMessage(bytes, in: node.content)
        let inputs = content.all(Number.nodeInput)
        let quantized = names.claim(tensor.node + "_bias_quantized")
        let scale = names.claim(tensor.node + "_bias_scale")
        let float = names.claim(tensor.node + "_bias")
        addedInitializers += try serialized(
            QDQProto.tensor(quantized, bias, axes: [bias.count]), Number.graphInitializer)
        let isScalar = tensor.steps.count == 1
        addedInitializers += try serialized(
            QDQProto.tensor(scale, tensor.steps, axes: isScalar ? [] : [tensor.steps.count]),
            Number.graphInitializer)
        var dequantize = Onnx_NodeProto()
        dequantize.name = names.claim(tensor.node + "_bias_dequantize")
        dequantize.opType = "DequantizeLinear"
        dequantize.input = [quantized, scale]
        dequantize.output = [float]
        if !isScalar { dequantize.attribute = [QDQProto.attribute("axis", 0)] }
        addedNodes += try serialized(dequantize, Number.graphNode)
        let operand = ProtobufMessage.field(Number.nodeInput, Array(float.utf8))
        // An empty third operand stands for none.
        let end = node.content.upperBound
        let place = inputs.count > tensor.operand ? inputs[tensor.operand].range : end..<end
        append("node '\(tensor.node)'", place, operand)
        if model.graph.node[tensor.position].opType == "MatMul",
            let kind = content.all(Number.nodeOperator).first
        {
            append(
                "node '\(tensor.node)'", kind.range,
                ProtobufMessage.field(Number.nodeOperator, Array("Gemm".utf8)))
        }
        containers.append(node)
    }

    private func serialized(_ message: some SwiftProtobuf.Message, _ number: Int) throws -> [UInt8]
    {
        ProtobufMessage.field(number, try message.serializedBytes())
    }

    private mutating func append(
        _ name: String, _ range: Range<Int>, _ new: [UInt8],
        _ elements: ByteEdit.Elements = .structure
    ) {
        edits.append(
            ByteEdit(
                name: name, elements: elements, offset: range.lowerBound,
                old: Array(bytes[range]), new: new))
    }

    private mutating func finish() -> [ByteEdit] {
        for container in containers { adjust(container) }
        let (start, end) = (graph.content.lowerBound, graph.content.upperBound)
        if !addedNodes.isEmpty { append("added nodes", start..<start, addedNodes) }
        if !addedInitializers.isEmpty {
            append("added initializers", end..<end, addedInitializers)
        }
        adjust(graph)
        // At one place, what was made first comes first: the end of a node lies before that of the
        // graph.
        return edits.enumerated().filter { $1.old != $1.new }
            .sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }
            .map(\.element)
    }

    /// Corrects the length of a message for the edits inside it.
    private mutating func adjust(_ message: ProtobufMessage.Field) {
        let inside = edits.filter {
            message.content.lowerBound <= $0.offset
                && $0.range.upperBound <= message.content.upperBound
        }
        let growth = inside.reduce(0) { $0 + $1.new.count - $1.old.count }
        guard growth != 0 else { return }
        append("length", message.length, ProtobufMessage.varint(message.content.count + growth))
    }
}

extension ProtobufMessage {
    /// As the type int32 is written: negative values in ten bytes.
    fileprivate static func varint(signExtending value: Int32) -> [UInt8] {
        varint(Int(value))
    }
}
