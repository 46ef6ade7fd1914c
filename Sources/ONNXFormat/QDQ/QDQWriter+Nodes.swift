// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Operators of the network's nodes.
extension QDQWriter {
    mutating func write(_ node: Node, parameters: QuantizedParameters?, value: ValueID) throws {
        var annotation = QDQAnnotation()
        let clamp = explicitClamp(of: node, value: value)
        if clamp != node.clamp { annotation.clamp = node.clamp }
        if node.convolution?.hadBias == false { annotation.hadBias = false }

        let isFlat = resultIsFlat(node)
        let result = resultName(of: node, value: value, form: isFlat ? .flat : .nchw)
        let hasClampNode = clamp != .none && node.operation != .clamp
        let target = hasClampNode ? names.tensors.claim(node.name + "_unclamped") : result
        if node.operation == .clamp {
            appendClamp(
                node.clamp, name: node.name, from: operand(node, 0, flat: isFlat), to: target)
        } else {
            try appendOperator(node, parameters, to: target, flat: isFlat, &annotation)
        }
        if hasClampNode {
            let name = names.nodes.claim(node.name + "_clamp")
            appendClamp(clamp, name: name, from: target, to: result)
        }
        appendValue(value, from: result, form: isFlat ? .flat : .nchw)
        if let text = annotation.text {
            annotations.append(QDQProto.entry(QDQAnnotation.nodePrefix + node.name, text))
        }
    }

    /// The clamp that the file must show: none where the output's quantizer saturates at its
    /// bounds.
    private func explicitClamp(of node: Node, value: ValueID) -> Clamp {
        guard node.operation != .clamp, let activation = network.activations[value] else {
            return node.clamp
        }
        return activation.implies(node.clamp) ? .none : node.clamp
    }

    /// Gemm gives `[N, C]`; what only reads such values stays so.
    private func resultIsFlat(_ node: Node) -> Bool {
        switch node.operation {
        case .convolution(let convolution): convolution.isFullyConnected
        case .add, .multiply, .concat, .clamp, .activation:
            node.inputs.allSatisfy { values[$0].form == .flat }
        case .maxPool, .averagePool, .globalAveragePool, .localResponseNormalization: false
        }
    }

    private mutating func resultName(of node: Node, value: ValueID, form: Form) -> String {
        let isFloat = network.activations[value] == nil
        return (isFloat ? outputName(of: value, form: form) : nil)
            ?? names.tensors.claim(node.name + "_float")
    }

    private mutating func operand(_ node: Node, _ index: Int, flat: Bool) -> String {
        flat ? values[node.inputs[index]].float : featureMap(node.inputs[index])
    }

    private mutating func appendOperator(
        _ node: Node, _ parameters: QuantizedParameters?, to target: String, flat: Bool,
        _ annotation: inout QDQAnnotation
    ) throws {
        switch node.operation {
        case .convolution(let convolution):
            guard let parameters else { return }
            try append(convolution, parameters, of: node, to: target)
        case .add:
            let operands = [operand(node, 0, flat: flat), operand(node, 1, flat: flat)]
            append("Add", name: node.name, operands, target)
        case .multiply:
            let operands = [operand(node, 0, flat: flat), operand(node, 1, flat: flat)]
            append("Mul", name: node.name, operands, target)
        case .activation(.hardSwish):
            append("HardSwish", name: node.name, [operand(node, 0, flat: flat)], target)
        case .activation(.hardSigmoid(let alpha, let beta)):
            append(
                "HardSigmoid", name: node.name, [operand(node, 0, flat: flat)], target,
                [QDQProto.attribute("alpha", alpha), QDQProto.attribute("beta", beta)])
        case .localResponseNormalization(let lrn):
            append(
                "LRN", name: node.name, [operand(node, 0, flat: false)], target,
                [
                    QDQProto.attribute("alpha", lrn.alpha), QDQProto.attribute("beta", lrn.beta),
                    QDQProto.attribute("bias", lrn.bias), QDQProto.attribute("size", lrn.size),
                ])
        case .concat:
            var operands: [String] = []
            for index in node.inputs.indices { operands.append(operand(node, index, flat: flat)) }
            append("Concat", name: node.name, operands, target, [QDQProto.attribute("axis", 1)])
        case .maxPool(let window):
            appendPool("MaxPool", window, of: node, to: target, &annotation)
        case .averagePool(let window, let countIncludePad):
            appendPool(
                "AveragePool", window, of: node, to: target, &annotation,
                [QDQProto.attribute("count_include_pad", countIncludePad ? 1 : 0)])
        case .globalAveragePool:
            append("GlobalAveragePool", name: node.name, [operand(node, 0, flat: false)], target)
        case .clamp: break
        }
    }

    private mutating func appendPool(
        _ type: String, _ window: Window, of node: Node, to target: String,
        _ annotation: inout QDQAnnotation, _ more: [Onnx_AttributeProto] = []
    ) {
        let input = network.graph.shape(of: node.inputs[0])
        let written = window.withPoolingPads(height: input.height, width: input.width) ?? window
        if written != window { annotation.pads = window.pads }
        let dilations = type == "MaxPool" ? [Self.dilations(window)] : []
        append(
            type, name: node.name, [operand(node, 0, flat: false)], target,
            Self.attributes(written) + dilations + more)
    }

    /// Relu, Clip, or Identity for a standalone clamp without bounds.
    private mutating func appendClamp(
        _ clamp: Clamp, name: String, from source: String, to target: String
    ) {
        if clamp == .none {
            append("Identity", name: name, [source], target)
        } else if clamp == Clamp(lower: 0) {
            append("Relu", name: name, [source], target)
        } else {
            let lower = clamp.lower.map { appendBound($0, names.tensors.claim(name + "_lower")) }
            let upper = clamp.upper.map { appendBound($0, names.tensors.claim(name + "_upper")) }
            let inputs = [source, lower ?? ""] + (upper.map { [$0] } ?? [])
            append("Clip", name: name, inputs, target)
        }
    }

    private mutating func appendBound(_ bound: Float, _ name: String) -> String {
        graph.initializer.append(QDQProto.tensor(name, [bound], axes: []))
        return name
    }

    static func attributes(_ window: Window) -> [Onnx_AttributeProto] {
        [
            QDQProto.attribute("kernel_shape", [window.kernelHeight, window.kernelWidth]),
            QDQProto.attribute("strides", [window.strideHeight, window.strideWidth]),
            QDQProto.attribute("pads", window.pads),
        ]
    }

    static func dilations(_ window: Window) -> Onnx_AttributeProto {
        QDQProto.attribute("dilations", [window.dilationHeight, window.dilationWidth])
    }
}

// MARK: - Convolutions

extension QDQWriter {
    private mutating func append(
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
                Self.attributes(convolution.window) + [
                    Self.dilations(convolution.window),
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
