// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization

/// Operators of the network's nodes.
extension QDQWriter {
    mutating func write(_ node: Node, parameters: QuantizedParameters?, value: ValueID) throws {
        var annotation = QDQAnnotation()
        let clamp = explicitClamp(of: node, value: value)
        if clamp != node.clamp { annotation.clamp = node.clamp }
        if node.convolution?.hadBias == false { annotation.hadBias = false }

        let form = resultForm(of: node)
        if case .pad(let pad) = node.operation, appendPad(pad, of: node, value, form) { return }
        let isFlat = form == .flat
        let result = resultName(of: node, value: value, form: form)
        let hasClampNode = clamp != .none && node.operation != .clamp
        let target = hasClampNode ? names.tensors.claim(node.name + "_unclamped") : result
        if node.operation == .clamp {
            appendClamp(
                node.clamp, name: node.name, from: operand(node, 0, flat: isFlat), to: target)
        } else if let convolution = node.convolution, let parameters {
            try append(convolution, parameters, of: node, to: target)
        } else {
            var call = WriteCall(
                node: node, isFlat: isFlat, order: Self.order(of: node.shape), target: target)
            node.operation.write(&call, &self)
            annotation.pads = call.pads
        }
        if hasClampNode {
            let name = names.nodes.claim(node.name + "_clamp")
            appendClamp(clamp, name: name, from: target, to: result)
        }
        appendValue(value, from: result, form: form)
        if let text = annotation.text {
            annotations.append(QDQProto.entry(QDQAnnotation.nodePrefix + node.name, text))
        }
    }

    /// Writes a Pad of the 8-bit tensor itself: OpenVINO 2026.4 gives wrong values, or none, for
    /// one of channels between quantizers whose zero point is not 0.
    /// - Returns: false where there is no 8-bit tensor in the form of the result.
    private mutating func appendPad(
        _ pad: ConstantPad, of node: Node, _ value: ValueID, _ form: Form
    ) -> Bool {
        let operand = values[node.inputs[0]]
        guard let activation = network.activations[value], let source = operand.quantized,
            let scale = operand.scale, let zeroPoint = operand.zeroPoint, operand.form == form,
            node.clamp == .none
        else { return false }
        let quantized = names.quantized[value]
        pad.write(
            WriteCall(
                node: node, isFlat: false, order: Self.order(of: node.shape), target: quantized),
            of: source, activation, &self)
        let float =
            outputName(of: value, form: form) ?? names.tensors.claim(node.name + "_dequantized")
        append(
            "DequantizeLinear", named: node.name + "_dequantize", [quantized, scale, zeroPoint],
            float)
        values.append(
            Value(
                quantized: quantized, float: float, form: form, scale: scale, zeroPoint: zeroPoint))
        return true
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
    private func resultForm(of node: Node) -> Form {
        guard node.shape.layout == .features else { return .rows }
        if let convolution = node.convolution {
            return convolution.isFullyConnected ? .flat : .nchw
        }
        if case .rearrange = node.operation { return node.shape.pixels == 1 ? .flat : .nchw }
        let isFlat =
            node.operation.keepsFlat
            && node.inputs.allSatisfy { values[$0].form == .flat }
        return isFlat ? .flat : .nchw
    }

    /// Axes in memory in the order of the file, batch aside.
    static func order(of shape: TensorShape) -> [Int] {
        switch shape.layout {
        case .features: [TensorShape.channelAxis, 0, 1]
        case .rowMajor: Array(shape.axes.indices)
        }
    }

    private mutating func resultName(of node: Node, value: ValueID, form: Form) -> String {
        let isFloat = network.activations[value] == nil
        return (isFloat ? outputName(of: value, form: form) : nil)
            ?? names.tensors.claim(node.name + "_float")
    }

    mutating func operand(_ node: Node, _ index: Int, flat: Bool) -> String {
        flat ? values[node.inputs[index]].float : featureMap(node.inputs[index])
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
}
