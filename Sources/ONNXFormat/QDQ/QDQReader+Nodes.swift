// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import PrintableText
import Quantization

/// Operators between the quantizers.
extension QDQReader {
    mutating func readNode(_ node: Onnx_NodeProto) throws {
        guard Self.isStandard(node.domain) else {
            throw QDQError(
                .unsupported,
                "the operator \("\(node.domain).\(node.opType)".printable()) is not read")
        }
        switch node.opType {
        case "QuantizeLinear": try readQuantize(node)
        case "DequantizeLinear": try readDequantize(node)
        case "Constant": try readConstant(node)
        case "Conv": try readConvolution(node)
        case "Gemm", "MatMul": try readFullyConnected(node)
        case "Add": try readAdd(node)
        case "Mul": try readMultiply(node)
        case "HardSigmoid", "HardSwish": try readActivation(node)
        case "LRN": try readLocalResponseNormalization(node)
        case "Concat": try readConcat(node)
        case "MaxPool", "AveragePool", "GlobalAveragePool": try readPool(node)
        case "Relu", "Clip", "Identity": try readClamp(node)
        case "Transpose": try readTranspose(node)
        case "Flatten": try readFlatten(node)
        case "Reshape": try readReshape(node)
        case "Squeeze": try readSqueeze(node)
        case "ReduceMean": try readMean(node)
        case "Unsqueeze": try readUnsqueeze(node)
        case "Softmax", "LogSoftmax": try readOutputFunction(node)
        case "BatchNormalization":
            throw QDQError(
                .notFolded,
                "BatchNormalization is left as a node of its own, which runs in float")
        default: throw QDQError(.unsupported, "the operator \(node.opType.printable()) is not read")
        }
    }

    /// Records an operator's result, to be completed by a quantizer.
    mutating func append(
        _ node: Onnx_NodeProto, _ operation: Operation, inputs: [ValueID], clamp: Clamp = .none,
        parameters: QuantizedParameters? = nil, bias: BiasTensor? = nil, view: View
    ) throws {
        let shapes = inputs.map { self.shape(of: $0) }
        let shape = try Self.outputShape(
            of: operation, operands: shapes, outputChannels: parameters?.bias.count ?? 0, node)
        let made = Node(
            name: Self.name(of: node), operation: operation, inputs: inputs, clamp: clamp,
            shape: shape)
        try define(node, .result(results.count, view))
        results.append(
            Result(node: made, position: position, parameters: parameters, bias: bias))
    }

    /// Extents of a node's result.
    private static func outputShape(
        of operation: Operation, operands: [FeatureShape], outputChannels: Int = 0,
        _ node: Onnx_NodeProto
    ) throws -> FeatureShape {
        do throws(OperatorFault) {
            return try operation.outputShape(of: operands, outputChannels: outputChannels)
        } catch {
            let list = operands.map(\.description).joined(separator: ", ")
            throw QDQError(
                .malformedGraph, "\(node.opType) does not fit its inputs (\(list)): it \(error)")
        }
    }

    /// Turns a result into a value, with what its annotation adds.
    mutating func take(_ index: Int, activation: TensorQuantization?) throws -> ValueID {
        guard results[index].value == nil else {
            throw QDQError(
                .unsupported, node: results[index].node.name,
                "its result is quantized twice, with different scales")
        }
        guard activations.prefix(inputs.count).contains(where: { $0 != nil }) else {
            throw QDQError(
                .missingQuantization, tensor: inputs[0].name, "the input is not quantized")
        }
        if let selected = results[index].selected {
            guard let activation else {
                throw QDQError(
                    .missingQuantization, node: results[index].node.name,
                    "selects from a float result and gives one")
            }
            // Clamping keeps order too.
            let clamp = results[index].node.clamp
            if let value = results[selected].value, activations[value] == activation,
                clamp == .none
            {
                results[index].node.inputs = [value]
            } else {
                results[selected].node.clamp = results[selected].node.clamp.followed(by: clamp)
                results[index].node.clamp = .none
                results[index].node.inputs = [try take(selected, activation: activation)]
            }
        }
        var node = results[index].node
        if let annotation = annotations.removeValue(forKey: node.name) {
            try apply(annotation, to: &node, activation: activation)
        }
        if node.operation.form.resultQuantization == .operand,
            activations[node.inputs[0]] != activation
        {
            throw QDQError(
                .inconsistentQuantization, node: node.name,
                "its result must have scale and zero point of its operand")
        }
        if let pool = results[index].pool { try take(pool, inFrontOf: &node, activation) }
        let value = try append(
            node, results[index].parameters, results[index].bias, activation: activation)
        results[index].value = value
        positions += [Int](repeating: results[index].position, count: nodes.count - positions.count)
        return value
    }

    private mutating func append(
        _ node: Node, _ parameters: QuantizedParameters? = nil, _ bias: BiasTensor? = nil,
        activation: TensorQuantization?
    ) throws -> ValueID {
        guard nodeNames.insert(node.name).inserted else {
            throw QDQError(.malformedGraph, node: node.name, "the name occurs twice")
        }
        nodes.append(node)
        self.parameters.append(parameters)
        biases.append(bias)
        tensors.append(nil)
        activations.append(activation)
        return activations.count - 1
    }

    /// Pools each operand of a Concat, to the quantization of the pooled result. A pool treats
    /// every channel alone, so it may stand on either side of the Concat.
    private mutating func take(
        _ pool: Operation, inFrontOf join: inout Node, _ activation: TensorQuantization?
    ) throws {
        guard let activation else {
            throw QDQError(
                .missingQuantization, node: join.name,
                "joins and pools values of unlike scales and gives a float result")
        }
        for (operand, value) in join.inputs.enumerated() {
            var shape = join.shape
            shape.channels = self.shape(of: value).channels
            join.inputs[operand] = try append(
                Node(
                    name: "\(join.name)_\(operand + 1)", operation: pool, inputs: [value],
                    shape: shape),
                activation: activation)
        }
    }

    private func apply(
        _ annotation: QDQAnnotation, to node: inout Node, activation: TensorQuantization?
    ) throws {
        func fail(_ detail: String) -> QDQError {
            QDQError(.invalidMetadata, node: node.name, "its metadata entry \(detail)")
        }
        if annotation.clamp != .none {
            guard node.clamp == .none, node.operation != .clamp,
                activation?.implies(annotation.clamp) == true
            else { throw fail("has a clamp that the quantizer does not imply") }
            node.clamp = annotation.clamp
        }
        if !annotation.hadBias {
            guard var convolution = node.convolution else { throw fail("is for a convolution") }
            convolution.hadBias = false
            node.operation = .convolution(convolution)
        }
        if let pads = annotation.pads {
            let shape = shape(of: node.inputs[0])
            func restored(_ window: Window) throws -> Window {
                let original = window.withPads(pads)
                guard original.withPoolingPads(height: shape.height, width: shape.width) == window
                else { throw fail("has pads that do not fit the node") }
                return original
            }
            switch node.operation {
            case .maxPool(let window): node.operation = .maxPool(try restored(window))
            case .averagePool(let window, let countIncludePad):
                node.operation = .averagePool(
                    try restored(window), countIncludePad: countIncludePad)
            default: throw fail("has pads, but the node does not pool")
            }
        }
    }

    private mutating func readAdd(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        if try readBias(node) { return }
        let names = try (0...1).map { try Self.operand(node, $0) }
        if let place = names.firstIndex(where: isConstant) {
            let other = try value(names[1 - place])
            let constant = try constantValue(names[place], of: node, beside: other)
            let inputs = place == 0 ? [constant, other.id] : [other.id, constant]
            return try append(node, .add, inputs: inputs, view: other.view)
        }
        let first = try value(names[0])
        let second = try value(names[1])
        guard first.view == second.view else {
            throw QDQError(.unsupported, "Add has operands of different arrangement")
        }
        try append(node, .add, inputs: [first.id, second.id], view: first.view)
    }

    private mutating func readConcat(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["axis"])
        let axis = try attributes.int("axis", default: 1)
        var inputs: [ValueID] = []
        var view: View?
        for index in node.input.indices {
            let operand = try value(Self.operand(node, index))
            guard view == nil || view == operand.view else {
                throw QDQError(.unsupported, "Concat has operands of different arrangement")
            }
            view = operand.view
            inputs.append(operand.id)
        }
        guard let view else { throw QDQError(.malformedGraph, "Concat has no operands") }
        let channelAxes: [Int] =
            switch view {
            case .map(.nchw): [1, -3]
            case .map(.nhwc): [3, -1]
            case .flat: inputs.allSatisfy { shape(of: $0).pixels == 1 } ? [1, -1] : []
            }
        guard channelAxes.contains(axis) else {
            throw QDQError(.unsupported, "Concat joins along axis \(axis), not along channels")
        }
        try append(node, .concat, inputs: inputs, view: view)
    }

    private mutating func readPool(_ node: Onnx_NodeProto) throws {
        if try readMaxPoolOfResult(node) { return }
        if let joined = try unquantizedConcat(node) {
            let shape = results[joined].node.shape
            let pool = try pool(node, over: shape)
            let pooled = try Self.outputShape(of: pool, operands: [shape], node)
            var result = results[joined]
            result.node.name = Self.name(of: node)
            result.node.shape = pooled
            result.pool = pool
            results[joined].isPooled = true
            try define(node, .result(results.count, .map(.nchw)))
            results.append(result)
            return
        }
        let source = try featureMap(node, acceptsFloat: node.opType == "GlobalAveragePool")
        try append(
            node, try pool(node, over: shape(of: source)), inputs: [source], view: .map(.nchw))
    }

    /// A max-pool between an operator and its quantizer: rounding keeps order, so the result may as
    /// well be quantized first.
    /// - Returns: false where the pool is another.
    private mutating func readMaxPoolOfResult(_ node: Onnx_NodeProto) throws -> Bool {
        guard node.opType == "MaxPool",
            case .result(let index, .map(.nchw)) = meanings[try Self.operand(node, 0)],
            results[index].value == nil, exactActivation(of: results[index]) == nil
        else { return false }
        let shape = results[index].node.shape
        let pool = try pool(node, over: shape)
        let pooled = try Self.outputShape(of: pool, operands: [shape], node)
        try define(node, .result(results.count, .map(.nchw)))
        // Its input is the value that the result becomes.
        let made = Node(name: Self.name(of: node), operation: pool, inputs: [0], shape: pooled)
        results.append(Result(node: made, position: position, selected: index))
        results[index].isPooled = true
        return true
    }

    /// The Concat that a node reads whose operands have unlike scales and that nothing else has
    /// read, as an index into `results`.
    private func unquantizedConcat(_ node: Onnx_NodeProto) throws -> Int? {
        guard case .result(let index, .map(.nchw)) = meanings[try Self.operand(node, 0)],
            results[index].value == nil, results[index].node.operation == .concat,
            results[index].pool == nil, results[index].node.clamp == .none,
            exactActivation(of: results[index]) == nil
        else { return nil }
        return index
    }

    private func pool(_ node: Onnx_NodeProto, over shape: FeatureShape) throws -> Operation {
        switch node.opType {
        case "GlobalAveragePool":
            _ = try QDQAttributes(node, known: [])
            return .globalAveragePool
        case "MaxPool":
            let attributes = try QDQAttributes(
                node,
                known: [
                    "kernel_shape", "strides", "pads", "dilations", "auto_pad", "ceil_mode",
                    "storage_order",
                ])
            try attributes.require("storage_order", 0)
            return .maxPool(try attributes.window(over: shape))
        default:
            let attributes = try QDQAttributes(
                node,
                known: [
                    "kernel_shape", "strides", "pads", "auto_pad", "ceil_mode", "count_include_pad",
                ])
            let counts = try attributes.int("count_include_pad", default: 0) != 0
            if counts { try attributes.require("ceil_mode", 0) }
            return .averagePool(
                try attributes.window(over: shape), countIncludePad: counts)
        }
    }

    /// The operand of an operator over feature maps.
    mutating func featureMap(
        _ node: Onnx_NodeProto, acceptsFloat: Bool = false
    ) throws -> ValueID {
        let name = try Self.operand(node, 0)
        let operand = try acceptsFloat ? meanOperand(name) : value(name)
        guard operand.view == .map(.nchw) else {
            throw QDQError(
                .unsupported, tensor: name, "\(node.opType) must read an NCHW feature map")
        }
        return operand.id
    }

    /// Relu, Clip and Identity: part of a result, or operators of their own after DequantizeLinear.
    private mutating func readClamp(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        var clamp = Clamp.none
        if node.opType == "Relu" { clamp.lower = 0 }
        if node.opType == "Clip" {
            clamp.lower = try bound(node, 1)
            clamp.upper = try bound(node, 2)
        }
        let name = try Self.operand(node, 0)
        if case .result(let index, let view) = try meaning(name) {
            guard results[index].value == nil else {
                throw QDQError(.unsupported, tensor: name, "is read by other nodes too")
            }
            results[index].node.clamp = results[index].node.clamp.followed(by: clamp)
            if node.opType != "Identity" { meanings[name] = nil }
            return try define(node, .result(index, view))
        }
        if node.opType == "Identity" {
            // Further names of an output.
            let isOutput = file.output.contains { $0.name == node.output.first }
            switch try meaning(name) {
            case .function(let function, let logits, let view):
                return try define(node, .function(function, of: logits, view))
            case .float(let value, let view) where isOutput:
                return try define(node, .float(value, view))
            default: break
            }
        }
        let operand = try value(name)
        try append(node, .clamp, inputs: [operand.id], clamp: clamp, view: operand.view)
    }

    private func bound(_ node: Onnx_NodeProto, _ index: Int) throws -> Float? {
        guard let name = Self.optionalOperand(node, index) else { return nil }
        let constant = try constant(name)
        let values = try constant.floats()
        guard constant.isScalar, values[0].isFinite else {
            throw QDQError(.unsupported, tensor: name, "a bound of Clip must be one finite number")
        }
        return values[0]
    }

    /// A constant that stands among the nodes.
    private mutating func readConstant(_ node: Onnx_NodeProto) throws {
        guard var tensor = node.attribute.first(where: { $0.name == "value" })?.t,
            node.attribute.count == 1, let name = node.output.first, meanings[name] == nil
        else { throw QDQError(.unsupported, "this Constant is not read") }
        tensor.name = name
        guard constants.updateValue(tensor, forKey: name) == nil else {
            throw QDQError(.malformedGraph, tensor: name, "is defined twice")
        }
    }
}
