// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import Quantization

/// Add and Sub (opset 7): of two feature maps, or of one and a constant per channel.
extension ONNXOperator {
    static let add = ONNXOperator(
        ["Add"],
        translate: { call, network throws(ONNXError) in try network.arithmetic(call) },
        read: { node, reader in try reader.readAdd(node) })

    static let subtract = ONNXOperator(
        ["Sub"],
        translate: { call, network throws(ONNXError) in try network.arithmetic(call) })
}

extension GraphTranslation {
    /// Add and Mul of two feature maps; Add, Sub, Mul, Div by a constant per channel.
    mutating func arithmetic(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 2...2)
        switch (try operand(0, of: call), try operand(1, of: call)) {
        case (.activation(let left), .activation(let right)):
            if call.type == "Mul" { return try multiply(left, right, at: call) }
            guard call.type == "Add" else {
                throw call.unsupported("combines two feature maps; only Add and Mul can.")
            }
            guard let (left, right) = try aligned(left, right, at: call) else {
                throw call.unsupported("adds \(left.dims) and \(right.dims) of different extents.")
            }
            return append(.add, [left.value, right.value], like: left, at: call)
        case (.activation(let activation), .constant):
            let activation = try operand(activation, besideConstant: 1, of: call)
            let constant = try channelConstant(1, of: call, against: activation)
            return try affine(activation, constant, constantFirst: false, at: call)
        case (.constant, .activation(let activation)):
            let activation = try operand(activation, besideConstant: 0, of: call)
            let constant = try channelConstant(0, of: call, against: activation)
            return try affine(activation, constant, constantFirst: true, at: call)
        default: throw call.malformed("has no feature map.")
        }
    }

    /// Two operands in the same order; nil where their extents differ.
    mutating func aligned(
        _ left: Activation, _ right: Activation, at call: OperatorCall
    ) throws(ONNXError) -> (Activation, Activation)? {
        guard left.dims == right.dims else { return nil }
        guard let (first, second) = TensorView.aligned(left.view, right.view) else {
            throw call.unsupported("has operands that mix images of a batch.")
        }
        return (
            try apply(first, to: left, at: call), try apply(second, to: right, at: call)
        )
    }

    /// A feature map whose channels are the last axis.
    mutating func pixels(
        of activation: Activation, at call: OperatorCall
    ) throws(ONNXError) -> Activation {
        guard let steps = activation.view.toPixels() else {
            throw call.unsupported("has an operand that mixes images of a batch.")
        }
        return try apply(steps, to: activation, at: call)
    }

    mutating func affine(
        _ activation: Activation, _ constant: [Double], constantFirst: Bool, at call: OperatorCall
    ) throws(ONNXError) -> Value {
        var activation = activation
        if activation.shape.layout != .features {
            activation = try pixels(of: activation, at: call)
        }
        let ones = [Double](repeating: 1, count: constant.count)
        let zeros = [Double](repeating: 0, count: constant.count)
        let kind: DraftNode.Kind
        switch (call.type, constantFirst) {
        case ("Add", _): kind = .affine(scale: ones, shift: constant, hasShift: true)
        case ("Sub", false): kind = .affine(scale: ones, shift: constant.map(-), hasShift: true)
        case ("Sub", true): kind = .affine(scale: ones.map(-), shift: constant, hasShift: true)
        case ("Mul", _): kind = .affine(scale: constant, shift: zeros, hasShift: false)
        case ("Div", false):
            guard !constant.contains(0) else { throw call.unsupported("divides by 0.") }
            kind = .affine(scale: constant.map { 1 / $0 }, shift: zeros, hasShift: false)
        default: throw call.unsupported("divides by a feature map.")
        }
        return append(kind, [activation.value], like: activation, at: call)
    }

    /// Operand `index` as one number per channel of `activation`, against which it is broadcast.
    /// An operand in a form in which a constant has one number for each channel, if it has one for
    /// each position of any axis.
    mutating func operand(
        _ activation: Activation, besideConstant index: Int, of call: OperatorCall
    ) throws(ONNXError) -> Activation {
        guard let tensor = try constant(index, of: call) else { return activation }
        let added = activation.dims.count - tensor.dims.count
        let varying = tensor.dims.indices.filter { tensor.dims[$0] != 1 }
        guard added >= 0, varying.count == 1, case let axis = varying[0] + added,
            activation.view.positions(along: axis) == nil,
            let (steps, view) = activation.view.withInnermost(axis)
        else { return activation }
        var result = try apply(steps, to: activation, at: call)
        result.view = view
        return result
    }

    mutating func channelConstant(
        _ index: Int, of call: OperatorCall, against activation: Activation
    ) throws(ONNXError) -> [Double] {
        guard let tensor = try parameters(index, of: call), let values = tensor.reals else {
            throw call.malformed("input \(index) is missing.")
        }
        let channels = activation.shape.channels
        let added = activation.dims.count - tensor.dims.count
        let varying = tensor.dims.indices.filter { tensor.dims[$0] != 1 }
        let fits =
            added >= 0
            && varying.allSatisfy {
                tensor.dims[$0] == activation.dims[$0 + added]
            }
        if fits, let first = values.first {
            if values.allSatisfy({ $0 == first }) {
                return [Double](repeating: Double(first), count: channels)
            }
            if varying.count == 1,
                let positions = activation.view.positions(along: varying[0] + added)
            {
                return positions.map { Double(values[$0]) }
            }
        }
        throw call.error(
            .unsupported, tensor: call.input(index),
            "has extents \(tensor.dims) against \(activation.dims); only one number per channel, "
                + "or one for all, can be folded.")
    }
}

extension QDQReading {
    func readAdd(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        if try readBias(node) { return }
        let names = try (0...1).map { try Self.operand(node, $0) }
        if let place = names.firstIndex(where: isConstant) {
            let other = try value(names[1 - place])
            let constant = try constantValue(names[place], of: node, beside: other)
            let inputs = place == 0 ? [constant, other.id] : [other.id, constant]
            return try append(node, .add, inputs: inputs, form: .view(other.view))
        }
        let (first, second) = try aligned(value(names[0]), value(names[1]), for: node)
        try append(node, .add, inputs: [first.id, second.id], form: .view(first.view))
    }

    /// An Add that gives the layer in front of it, which has none, its bias: a constant with one
    /// element per output channel.
    /// - Returns: false where the Add is another.
    func readBias(_ node: Onnx_NodeProto) throws -> Bool {
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
                view.tensor.isNCHW
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
    func constantValue(
        _ name: String, of node: Onnx_NodeProto, beside other: QDQOperand
    ) throws -> ValueID {
        let parameter = try parameter(name)
        let shape = shape(of: other.id)
        let channels = shape.channels
        let shapes =
            other.view.tensor.isNCHW
            ? [[1, channels, 1, 1], [channels, 1, 1]] : [[channels], [1, channels]]
        guard case .bytes(let values, let type) = parameter.constant.elements,
            parameter.axis == nil, shapes.contains(parameter.constant.axes),
            other.view.tensor.isNCHW || shape.pixels == 1
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
            name: node.nameOrOutput + "_constant",
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
            QDQResult(node: layer, position: position, parameters: parameters, bias: bias))
        return try take(results.count - 1, activation: quantization)
    }
}

extension Add: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        writer.append("Add", name: call.node.name, writer.operands(call), call.target)
    }
}

extension Node {
    fileprivate mutating func setHadBias() {
        guard var convolution else { return }
        convolution.hadBias = true
        operation = .convolution(convolution)
    }
}
