// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
import ONNXModel
package import Quantization

/// Conv (opset 1, 11) over images.
extension ONNXOperator {
    static let convolution = ONNXOperator(
        ["Conv"],
        translate: { call, network throws(ONNXError) in try network.convolution(call) },
        read: { node, reader in try reader.readConvolution(node) })
}

extension GraphTranslation {
    /// Conv over images; weights `[M, C / group, kH, kW]`.
    mutating func convolution(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 2...3,
            attributes: ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])
        let input = try imageOperand(of: call)
        guard let tensor = try parameters(1, of: call), let weights = tensor.reals else {
            throw call.malformed("has no weights.")
        }
        let groups = try call.integer("group") ?? 1
        let dims = tensor.dims
        guard dims.count == 4, groups >= 1, groups <= input.shape.channels,
            input.shape.channels == (dims[1].multipliedReportingOverflow(by: groups).partialValue),
            dims[0] >= 1, dims[0] % groups == 0
        else {
            throw call.error(
                .malformed, tensor: call.input(1),
                "weights of extents \(dims) do not fit \(input.shape.channels) channels in "
                    + "\(groups) groups.")
        }
        let window = try WindowAttributes(call, kernel: [dims[2], dims[3]])
            .resolved(for: input.shape, ceiling: false, at: call).window
        let bias = try bias(2, of: call, count: dims[0])
        let draft = DraftConvolution(
            convolution: Convolution(window: window, groups: groups, hadBias: bias != nil),
            weights: Self.permuted(
                weights, outputs: dims[0], inner: dims[2] * dims[3], channels: dims[1]),
            bias: bias ?? [Double](repeating: 0, count: dims[0]))
        return try append(
            .convolution(draft.convolution), of: input, weights: draft, at: call)
    }

    mutating func bias(
        _ index: Int, of call: OperatorCall, count: Int
    ) throws(ONNXError) -> [Double]? {
        guard let tensor = try parameters(index, of: call) else { return nil }
        guard tensor.dims == [count], let values = tensor.reals else {
            throw call.error(
                .malformed, tensor: call.input(index),
                "bias of extents \(tensor.dims) does not fit \(count) outputs.")
        }
        return values.map { Double($0) }
    }

    /// Operand 0 as `[N, C, H, W]`.
    mutating func imageOperand(of call: OperatorCall) throws(ONNXError) -> Activation {
        let activation = try activation(0, of: call)
        guard let steps = activation.view.toNCHW() else {
            throw call.unsupported(
                "its input of extents \(activation.dims) is not an image [N, C, H, W].")
        }
        return try apply(steps, to: activation, at: call)
    }

    /// `[outputs, channels, inner]` to `[outputs, inner, channels]`.
    static func permuted(
        _ values: [Float], outputs: Int, inner: Int, channels: Int
    ) -> [Float] {
        guard inner > 1, channels > 1 else { return values }
        return [Float](unsafeUninitializedCapacity: values.count) { result, count in
            values.withUnsafeBufferPointer { values in
                var target = 0
                for output in 0..<outputs {
                    for position in 0..<inner {
                        var source = output * channels * inner + position
                        for _ in 0..<channels {
                            result.initializeElement(at: target, to: values[source])
                            target += 1
                            source += inner
                        }
                    }
                }
            }
            count = values.count
        }
    }
}

extension QDQReading {
    func readConvolution(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(
            node, known: ["kernel_shape", "strides", "pads", "dilations", "auto_pad", "group"])
        let source = try featureMap(node)
        let weights = try parameter(Self.operand(node, 1))
        let axes = weights.constant.axes
        guard axes.count == 4, axes.allSatisfy({ 1...SizeLimits.extent ~= $0 }) else {
            throw QDQError(
                .malformedGraph, tensor: weights.constant.name, "weights have the shape \(axes)")
        }
        let window = try attributes.window(
            over: shape(of: source), kernel: [axes[2], axes[3]])
        let groups = try attributes.int("group", default: 1)
        let channels = shape(of: source).channels
        guard [window.kernelHeight, window.kernelWidth] == [axes[2], axes[3]], groups > 0,
            channels % groups == 0, axes[1] == channels / groups
        else {
            throw QDQError(
                .malformedGraph, tensor: weights.constant.name,
                "weights of shape \(axes) do not fit \(channels) channels in \(groups) groups")
        }
        let convolution = Convolution(
            window: window, groups: groups, hadBias: Self.optionalOperand(node, 2) != nil)
        try append(
            node, convolution, source: source, form: .nchw,
            try weights.weights(rank: 4, taps: axes[2] * axes[3]), outputs: axes[0])
    }
}

extension QDQWriting {
    /// Appends the Conv or Gemm that computes `target`, with weights and bias as 8-bit and int32
    /// initializers, and records where the bias lies.
    /// - Throws: ``QDQError`` with code `invalidNetwork` where input scale * weight scale, the step
    ///   of the bias, is no positive, finite float.
    package mutating func append(
        _ convolution: Convolution, _ parameters: QuantizedParameters, of node: Node,
        to target: String
    ) throws {
        let input = node.inputs[0]
        guard let inputScale = network.activations[input]?.scale else { return }
        let weights = appendWeights(parameters, convolution, of: node)
        let bias = try appendBias(parameters, inputScale: inputScale, of: node)
        if convolution.isFullyConnected {
            let source = flat(input, reader: node)
            append(
                "Gemm", name: node.name, [source, weights, bias.float], target,
                [QDQProto.attribute("transB", 1)])
        } else {
            let attributes =
                QDQProto.attributes(convolution.window) + [
                    QDQProto.dilations(convolution.window),
                    QDQProto.attribute("group", convolution.groups),
                ]
            append(
                "Conv", name: node.name, [featureMap(input), weights, bias.float], target,
                attributes)
        }
        biases.append(
            BiasTensor(
                node: node.name, position: graph.node.count - 1, steps: bias.steps,
                place: .int32(bias.quantized)))
    }

    /// Float tensor of a value as `[N, C * H * W]`, channels slowest.
    private mutating func flat(_ value: ValueID, reader: Node) -> String {
        let source = float(of: value)
        guard view(of: value).isNCHW else { return source }
        return reshaped(
            value, stem: reader.name + "_flattened", "Flatten", [source],
            [QDQProto.attribute("axis", 1)])
    }

    /// `[outputs, inputs / groups, kernelHeight, kernelWidth]`, or `[outputs, all others]` for
    /// Gemm.
    private mutating func appendWeights(
        _ parameters: QuantizedParameters, _ convolution: Convolution, of node: Node
    ) -> String {
        let outputs = parameters.bias.count
        let taps = convolution.window.kernelHeight * convolution.window.kernelWidth
        let inputs = parameters.weights.count / (outputs * taps)
        let ordered = QDQWeights.toONNX(
            parameters.weights, outputs: outputs, taps: taps, inputs: inputs)
        let axes =
            convolution.isFullyConnected
            ? [outputs, inputs * taps]
            : [outputs, inputs, convolution.window.kernelHeight, convolution.window.kernelWidth]
        let stem = node.name + "_weight"
        let quantized = names.tensors.claim(stem + "_quantized")
        let zeroPoint = names.tensors.claim(stem + "_zero_point")
        let scaleAxes = parameters.isPerChannel ? [outputs] : []
        graph.initializer.append(
            QDQProto.tensor(quantized, bytes: ordered, type: parameters.type, axes: axes))
        let scale = appendScale(parameters.scales, stem: stem, axes: scaleAxes)
        graph.initializer.append(
            QDQProto.tensor(
                zeroPoint, parameters.zeroPoints, type: parameters.type, axes: scaleAxes))
        return appendDequantize(
            [quantized, scale, zeroPoint], stem: stem, perChannel: parameters.isPerChannel)
    }

    /// int32 with scale `input scale * weight scale` in Float; no zero point, which means 0.
    private mutating func appendBias(
        _ parameters: QuantizedParameters, inputScale: Float, of node: Node
    ) throws -> (float: String, quantized: String, steps: [Float]) {
        let scales = parameters.scales.map { inputScale * $0 }
        guard scales.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw QDQError(
                .invalidNetwork, node: node.name, "the scale of the bias leaves the range of floats"
            )
        }
        let stem = node.name + "_bias"
        let quantized = names.tensors.claim(stem + "_quantized")
        graph.initializer.append(
            QDQProto.tensor(quantized, parameters.bias, axes: [parameters.bias.count]))
        let scale = appendScale(
            scales, stem: stem, axes: parameters.isPerChannel ? [scales.count] : [])
        let float = appendDequantize(
            [quantized, scale], stem: stem, perChannel: parameters.isPerChannel)
        return (float, quantized, scales)
    }

    private mutating func appendScale(_ scales: [Float], stem: String, axes: [Int]) -> String {
        let name = names.tensors.claim(stem + "_scale")
        graph.initializer.append(QDQProto.tensor(name, scales, axes: axes))
        return name
    }

    private mutating func appendDequantize(
        _ inputs: [String], stem: String, perChannel: Bool
    ) -> String {
        let name = names.tensors.claim(stem + "_dequantized")
        append(
            "DequantizeLinear", named: stem + "_dequantize", inputs, name,
            perChannel ? [QDQProto.attribute("axis", 0)] : [])
        return name
    }
}
