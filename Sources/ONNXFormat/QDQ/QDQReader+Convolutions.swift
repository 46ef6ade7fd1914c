// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Layers with weights, and where their biases lie.
extension QDQReader {
    mutating func readConvolution(_ node: Onnx_NodeProto) throws {
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
            node, convolution, source: source, view: .map(.nchw),
            try weights.weights(rank: 4, taps: axes[2] * axes[3]), outputs: axes[0])
    }

    /// Gemm and MatMul. Weights are `[outputs, inputs]` for Gemm with transB, `[inputs, outputs]`
    /// for all others.
    mutating func readFullyConnected(_ node: Onnx_NodeProto) throws {
        let isGemm = node.opType == "Gemm"
        let attributes = try QDQAttributes(
            node, known: isGemm ? ["alpha", "beta", "transA", "transB"] : [])
        try attributes.require("transA", 0)
        guard try attributes.float("alpha", default: 1) == 1,
            try attributes.float("beta", default: 1) == 1
        else { throw QDQError(.unsupported, "Gemm must have alpha = 1 and beta = 1") }
        let outputAxis = try attributes.int("transB", default: 0) == 0 ? 1 : 0
        let name = try Self.operand(node, 0)
        let source = try value(name)
        let extent = shape(of: source.id)
        let isOrdered = extent.pixels == 1 || source.view == .flat(.nchw)
        guard case .flat = source.view, isOrdered else {
            throw QDQError(
                .unsupported, tensor: name,
                "\(node.opType) must read a flattened NCHW feature map")
        }
        let weights = try parameter(Self.operand(node, 1))
        let axes = weights.constant.axes
        guard axes.count == 2, axes.allSatisfy({ 1...SizeLimits.extent ~= $0 }),
            axes[1 - outputAxis] == extent.count
        else {
            throw QDQError(
                .malformedGraph, tensor: weights.constant.name,
                "weights of shape \(axes) do not fit \(extent.count) inputs")
        }
        let convolution = Convolution(
            window: Window(kernelHeight: extent.height, kernelWidth: extent.width),
            isFullyConnected: true, hadBias: Self.optionalOperand(node, 2) != nil)
        try append(
            node, convolution, source: source.id, view: .flat(.nchw),
            try weights.weights(rank: 2, taps: extent.pixels, outputAxis: outputAxis),
            outputs: axes[outputAxis])
    }

    private mutating func append(
        _ node: Onnx_NodeProto, _ convolution: Convolution, source: ValueID, view: View,
        _ weights: QuantizedParameters, outputs: Int
    ) throws {
        let inputScale = try activation(of: source).scale
        var tensor = BiasTensor(
            node: Self.name(of: node), position: position,
            steps: weights.scales.map { BiasQuantization.scale(input: inputScale, weight: $0) })
        var parameters = weights
        parameters.bias = [Int32](repeating: 0, count: outputs)
        if let name = Self.optionalOperand(node, 2) {
            let shapes = convolution.isFullyConnected ? [[outputs], [1, outputs]] : [[outputs]]
            (parameters.bias, tensor.place) = try bias(name, of: tensor, shapes: shapes)
        }
        try append(
            node, .convolution(convolution), inputs: [source], parameters: parameters,
            bias: tensor, view: view)
    }

    private func parameter(_ name: String) throws -> QDQParameter {
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
    private func bias(
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

    /// An Add that gives the layer in front of it, which has none, its bias: a constant with one
    /// element per output channel.
    /// - Returns: false where the Add is another.
    mutating func readBias(_ node: Onnx_NodeProto) throws -> Bool {
        for operand in 0...1 {
            let (product, name) = (
                try Self.operand(node, 1 - operand), try Self.operand(node, operand)
            )
            guard case .result(let index, let view) = meanings[product],
                results[index].value == nil, results[index].node.clamp == .none,
                var tensor = results[index].bias, tensor.place == .absent,
                isConstant(name), let outputs = results[index].parameters?.bias.count
            else { continue }
            tensor.position = position
            tensor.operand = operand
            let shapes =
                view == .map(.nchw)
                ? [[1, outputs, 1, 1], [outputs, 1, 1]] : [[outputs], [1, outputs]]
            let (values, place) = try bias(name, of: tensor, shapes: shapes)
            tensor.place = place
            results[index].parameters?.bias = values
            results[index].bias = tensor
            results[index].node.setHadBias()
            meanings[product] = nil
            try define(node, .result(index, view))
            return true
        }
        return false
    }

    /// A value for an 8-bit constant with one element per channel, as quantizers make it of a bias
    /// that a MatMul left to an Add.
    ///
    /// It is what a depthwise layer without weights gives, whose bias is the constant; the addition
    /// is then one of two 8-bit values, as runtimes compute it.
    mutating func constantValue(
        _ name: String, of node: Onnx_NodeProto, beside other: (id: ValueID, view: View)
    ) throws -> ValueID {
        let parameter = try parameter(name)
        let shape = shape(of: other.id)
        let channels = shape.channels
        let shapes =
            other.view == .map(.nchw)
            ? [[1, channels, 1, 1], [channels, 1, 1]] : [[channels], [1, channels]]
        guard case .bytes(let values, let type) = parameter.constant.elements,
            parameter.axis == nil, shapes.contains(parameter.constant.axes),
            other.view == .map(.nchw) || shape.pixels == 1
        else {
            throw QDQError(
                .unsupported, tensor: parameter.constant.name,
                "a constant that is added must be 8-bit, with one scale and one element per channel"
            )
        }
        let quantization = TensorQuantization(
            scale: parameter.scales[0], zeroPoint: parameter.zeroPoints[0], type: type)
        // Accumulator steps are those of the constant.
        let step = quantization.scale / (try activation(of: other.id).scale)
        guard step.isNormal else {
            throw QDQError(.unsupported, tensor: name, "its scale is out of proportion")
        }
        let layer = Node(
            name: Self.name(of: node) + "_constant",
            operation: .convolution(
                Convolution(
                    window: Window(kernelHeight: 1, kernelWidth: 1), groups: channels)),
            inputs: [other.id], shape: shape)
        let parameters = QuantizedParameters(
            weights: [Int16](repeating: 0, count: channels), type: .int8, scales: [step],
            zeroPoints: [0], bias: values.map { Int32($0 - quantization.zeroPoint) })
        let bias = BiasTensor(
            node: layer.name, position: position, steps: [quantization.scale], place: .fixed)
        results.append(
            Result(node: layer, position: position, parameters: parameters, bias: bias))
        return try take(results.count - 1, activation: quantization)
    }

    func isConstant(_ name: String) -> Bool {
        if case .parameter = meanings[name] { return true }
        return constants[name] != nil
    }
}

extension Node {
    fileprivate mutating func setHadBias() {
        guard var convolution else { return }
        convolution.hadBias = true
        operation = .convolution(convolution)
    }
}
