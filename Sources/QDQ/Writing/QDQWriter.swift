// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization
import Release

/// Turns a checked network into an ONNX graph, value by value in topological order.
struct QDQWriter: QDQWriting {
    /// How a value lies in the file.
    enum Form {
        /// A feature map as `[N, C, H, W]`.
        case nchw
        /// An output of Gemm, a feature map of one pixel, as `[N, C]`.
        case flat
        /// Any other tensor: the batch, then its axes in order of memory.
        case rows
    }

    /// Tensors of one value.
    struct Value {
        /// 8-bit tensor; nil for a float output.
        var quantized: String?
        /// Float tensor that the value's readers take.
        var float: String
        var form: Form
        /// Initializers shared by all nodes that quantize or dequantize the value.
        var scale: String?
        var zeroPoint: String?
    }

    let network: QuantizedNetwork
    var names: QDQNames
    var graph = Onnx_GraphProto()
    var values: [Value] = []
    /// Where the bias of each convolution lies.
    var biases: [BiasTensor] = []
    /// Feature-map copies of `[N, C]` values, made when first needed.
    var unsqueezed: [ValueID: String] = [:]
    var annotations: [Onnx_StringStringEntryProto] = []

    init(_ network: QuantizedNetwork) {
        self.network = network
        names = QDQNames(network.graph)
        graph.name = network.graph.name
    }

    mutating func write() throws {
        for index in network.graph.inputs.indices { writeInput(index) }
        for (index, node) in network.graph.nodes.enumerated() {
            try write(
                node, parameters: network.parameters[index], value: network.graph.value(of: index))
        }
        for output in network.graph.outputs { writeOutput(output) }
    }

    func model(metadata: [String: String]) throws -> Onnx_ModelProto {
        var model = Onnx_ModelProto()
        model.irVersion = QDQModel.irVersion
        model.producerName = "counterbias"
        model.producerVersion = Build.version
        var opset = Onnx_OperatorSetIdProto()
        opset.domain = ""
        opset.version = QDQProto.opset
        model.opsetImport = [opset]
        model.graph = graph
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            guard !QDQAnnotation.owns(key) else {
                throw QDQError(.invalidMetadata, "the metadata key '\(key)' is reserved")
            }
            model.metadataProps.append(QDQProto.entry(key, value))
        }
        model.metadataProps += annotations
        return model
    }
}

// MARK: - Pieces

extension QDQWriter {
    /// Quantizes `source`, then dequantizes that into the tensor `float`, or one named after
    /// `stem`; returns the name of the float tensor.
    mutating func appendPair(
        from source: String, to quantized: String, stem: String, scale: String, zeroPoint: String,
        float: String? = nil
    ) -> String {
        let dequantized = float ?? names.tensors.claim(stem + "_dequantized")
        append("QuantizeLinear", named: stem + "_quantize", [source, scale, zeroPoint], quantized)
        append(
            "DequantizeLinear", named: stem + "_dequantize", [quantized, scale, zeroPoint],
            dequantized)
        return dequantized
    }

    /// Quantizes the float tensor of a value and records the value.
    mutating func appendValue(_ value: ValueID, from source: String, form: Form) {
        let name = network.graph.name(of: value)
        guard let activation = network.activations[value] else {
            values.append(Value(float: source, form: form))
            return
        }
        var scale = names.tensors.claim(name + "_scale")
        var zeroPoint = names.tensors.claim(name + "_zero_point")
        if let shared = sharedQuantization(of: value) {
            (scale, zeroPoint) = shared
        } else {
            graph.initializer.append(QDQProto.tensor(scale, [activation.scale], axes: []))
            graph.initializer.append(
                QDQProto.tensor(zeroPoint, [activation.zeroPoint], type: activation.type, axes: []))
        }
        let quantized = names.quantized[value]
        let float = appendPair(
            from: source, to: quantized, stem: name, scale: scale, zeroPoint: zeroPoint,
            float: outputName(of: value, form: form))
        values.append(
            Value(
                quantized: quantized, float: float, form: form, scale: scale, zeroPoint: zeroPoint))
    }

    /// Initializers of the operand whose quantization the result has.
    private func sharedQuantization(of value: ValueID) -> (scale: String, zeroPoint: String)? {
        guard let node = network.graph.node(of: value).map({ network.graph.nodes[$0] }),
            node.operation.form.resultQuantization == .operand,
            let scale = values[node.inputs[0]].scale,
            let zeroPoint = values[node.inputs[0]].zeroPoint
        else { return nil }
        return (scale, zeroPoint)
    }

    func float(of value: ValueID) -> String { values[value].float }

    func view(of value: ValueID) -> TensorView {
        let shape = network.graph.shape(of: value)
        return switch values[value].form {
        case .nchw: TensorView(shape, batch: 1, order: TensorView.nchw)
        case .flat: TensorView(shape, batch: 1, order: [.batch, .channel])
        case .rows: TensorView(rowMajor: shape, batch: 1)
        }
    }

    /// Float tensor of a value as a feature map.
    mutating func featureMap(_ value: ValueID) -> String {
        let source = values[value]
        guard source.form == .flat else { return source.float }
        if let made = unsqueezed[value] { return made }
        let stem = network.graph.name(of: value) + "_unsqueezed"
        let float = reshaped(value, stem: stem, "Unsqueeze", [source.float, pixelAxes()], [])
        unsqueezed[value] = float
        return float
    }

    /// A shape change between two equal quantizations, the form in which runtimes drop the float
    /// tensors around it.
    mutating func reshaped(
        _ value: ValueID, stem: String, _ type: String, _ inputs: [String],
        _ attributes: [Onnx_AttributeProto]
    ) -> String {
        let target = names.tensors.claim(stem)
        append(type, named: stem, inputs, target, attributes)
        guard let scale = values[value].scale, let zeroPoint = values[value].zeroPoint else {
            return target
        }
        let quantized = names.tensors.claim(stem + "_quantized")
        return appendPair(
            from: target, to: quantized, stem: stem, scale: scale, zeroPoint: zeroPoint)
    }

    /// Initializer `[2, 3]`.
    mutating func pixelAxes() -> String {
        let name = names.tensors.claim("pixel_axes")
        graph.initializer.append(QDQProto.tensor(name, [Int64(2), 3], axes: [2]))
        return name
    }
}
