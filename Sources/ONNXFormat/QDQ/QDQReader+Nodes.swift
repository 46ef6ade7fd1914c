import NetworkGraph
import Quantization

/// Operators between the quantizers.
extension QDQReader {
    mutating func readNode(_ node: Onnx_NodeProto) throws {
        guard Self.isStandard(node.domain) else {
            throw QDQError(.unsupported, "the operator \(node.domain).\(node.opType) is not read")
        }
        switch node.opType {
        case "QuantizeLinear": try readQuantize(node)
        case "DequantizeLinear": try readDequantize(node)
        case "Constant": try readConstant(node)
        case "Conv": try readConvolution(node)
        case "Gemm": try readFullyConnected(node)
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
        default: throw QDQError(.unsupported, "the operator \(node.opType) is not read")
        }
    }

    /// Records an operator's result, to be completed by a quantizer.
    mutating func append(
        _ node: Onnx_NodeProto, _ operation: Operation, inputs: [ValueID], clamp: Clamp = .none,
        parameters: QuantizedParameters? = nil, bias: BiasTensor? = nil, view: View
    ) throws {
        let shapes = inputs.map { shape(of: $0) }
        guard
            let shape = QDQShapes.output(
                of: operation, inputs: shapes, outputChannels: parameters?.bias.count ?? 0)
        else {
            let list = shapes.map(\.description).joined(separator: ", ")
            throw QDQError(.malformedGraph, "\(node.opType) does not fit its inputs (\(list))")
        }
        let made = Node(
            name: Self.name(of: node), operation: operation, inputs: inputs, clamp: clamp,
            shape: shape)
        try define(node, .result(results.count, view))
        results.append(Result(node: made, parameters: parameters, bias: bias))
    }

    /// Turns a result into a value, with what its annotation adds.
    mutating func take(_ index: Int, activation: TensorQuantization?) throws -> ValueID {
        guard results[index].value == nil else {
            throw QDQError(
                .unsupported, node: results[index].node.name,
                "its result is quantized twice, with different scales")
        }
        guard !activations.isEmpty else {
            throw QDQError(.missingQuantization, tensor: input.name, "the input is not quantized")
        }
        var node = results[index].node
        if let annotation = annotations.removeValue(forKey: node.name) {
            try apply(annotation, to: &node, activation: activation)
        }
        if case .maxPool = node.operation, activations[node.inputs[0]] != activation {
            throw QDQError(
                .inconsistentQuantization, node: node.name,
                "a max-pool must have scale and zero point of its input")
        }
        guard nodeNames.insert(node.name).inserted else {
            throw QDQError(.malformedGraph, node: node.name, "the name occurs twice")
        }
        nodes.append(node)
        parameters.append(results[index].parameters)
        biases.append(results[index].bias)
        tensors.append(nil)
        activations.append(activation)
        results[index].value = nodes.count
        return nodes.count
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
        let first = try value(Self.operand(node, 0))
        let second = try value(Self.operand(node, 1))
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
        let source = try featureMap(node)
        switch node.opType {
        case "GlobalAveragePool":
            _ = try QDQAttributes(node, known: [])
            try append(node, .globalAveragePool, inputs: [source], view: .map(.nchw))
        case "MaxPool":
            let attributes = try QDQAttributes(
                node,
                known: [
                    "kernel_shape", "strides", "pads", "dilations", "auto_pad", "ceil_mode",
                    "storage_order",
                ])
            try attributes.require("storage_order", 0)
            let window = try attributes.window(over: shape(of: source))
            try append(node, .maxPool(window), inputs: [source], view: .map(.nchw))
        default:
            let attributes = try QDQAttributes(
                node,
                known: [
                    "kernel_shape", "strides", "pads", "auto_pad", "ceil_mode", "count_include_pad",
                ])
            let counts = try attributes.int("count_include_pad", default: 0) != 0
            if counts { try attributes.require("ceil_mode", 0) }
            let window = try attributes.window(over: shape(of: source))
            try append(
                node, .averagePool(window, countIncludePad: counts), inputs: [source],
                view: .map(.nchw))
        }
    }

    /// The operand of an operator over feature maps.
    mutating func featureMap(_ node: Onnx_NodeProto) throws -> ValueID {
        let name = try Self.operand(node, 0)
        let operand = try value(name)
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
            meanings[name] = nil
            return try define(node, .result(index, view))
        }
        if node.opType == "Identity", case .function = try meaning(name) {
            return try define(node, try meaning(name))
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
}

// MARK: - Convolutions

extension QDQReader {
    private mutating func readConvolution(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(
            node, known: ["kernel_shape", "strides", "pads", "dilations", "auto_pad", "group"])
        let source = try featureMap(node)
        let weights = try parameter(node, 1)
        let axes = weights.constant.axes
        guard axes.count == 4, axes.allSatisfy({ 1...QDQLimits.extent ~= $0 }) else {
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
        var parameters = try weights.weights(rank: 4, taps: axes[2] * axes[3])
        let bias = try bias(node, source: source, weights: parameters, outputs: axes[0])
        parameters.bias = bias.values
        let convolution = Convolution(
            window: window, groups: groups, hadBias: Self.optionalOperand(node, 2) != nil)
        try append(
            node, .convolution(convolution), inputs: [source], parameters: parameters,
            bias: bias.tensor, view: .map(.nchw))
    }

    private mutating func readFullyConnected(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["alpha", "beta", "transA", "transB"])
        try attributes.require("transA", 0)
        guard try attributes.int("transB", default: 0) == 1,
            try attributes.float("alpha", default: 1) == 1,
            try attributes.float("beta", default: 1) == 1
        else { throw QDQError(.unsupported, "Gemm must have transB = 1, alpha = 1 and beta = 1") }
        let name = try Self.operand(node, 0)
        let source = try value(name)
        let extent = shape(of: source.id)
        let isOrdered = extent.pixels == 1 || source.view == .flat(.nchw)
        guard case .flat = source.view, isOrdered else {
            throw QDQError(
                .unsupported, tensor: name, "Gemm must read a flattened NCHW feature map")
        }
        let weights = try parameter(node, 1)
        let axes = weights.constant.axes
        guard axes.count == 2, 1...QDQLimits.extent ~= axes[0], axes[1] == extent.count else {
            throw QDQError(
                .malformedGraph, tensor: weights.constant.name,
                "weights of shape \(axes) do not fit \(extent.count) inputs")
        }
        var parameters = try weights.weights(rank: 2, taps: extent.pixels)
        let bias = try bias(node, source: source.id, weights: parameters, outputs: axes[0])
        parameters.bias = bias.values
        let window = Window(kernelHeight: extent.height, kernelWidth: extent.width)
        let convolution = Convolution(
            window: window, isFullyConnected: true, hadBias: Self.optionalOperand(node, 2) != nil)
        try append(
            node, .convolution(convolution), inputs: [source.id], parameters: parameters,
            bias: bias.tensor, view: .flat(.nchw))
    }

    private func parameter(_ node: Onnx_NodeProto, _ index: Int) throws -> QDQParameter {
        let name = try Self.operand(node, index)
        guard case .parameter(let parameter) = try meaning(name) else {
            throw QDQError(
                .missingQuantization, tensor: name, "weights and bias must be dequantized constants"
            )
        }
        return parameter
    }

    /// The bias, zeros where the node has none, and where it lies in the file.
    ///
    /// A float bias, which some quantizers leave, is read as the int32 bias that runtimes make of it when they
    /// fuse the operator: `rint(bias / (input scale * weight scale))`.
    private func bias(
        _ node: Onnx_NodeProto, source: ValueID, weights: QuantizedParameters, outputs: Int
    ) throws -> (values: [Int32], tensor: BiasTensor) {
        let inputScale = try activation(of: source).scale
        let steps = weights.scales.map { BiasQuantization.scale(input: inputScale, weight: $0) }
        var tensor = BiasTensor(node: Self.name(of: node), position: position, steps: steps)
        guard let name = Self.optionalOperand(node, 2) else {
            return ([Int32](repeating: 0, count: outputs), tensor)
        }
        if constants[name] != nil {
            let bias = try constant(name)
            tensor.place = .float(name)
            return (try tensor.integers(bias, outputs: outputs), tensor)
        }
        let parameter = try parameter(node, 2)
        tensor.place = .int32(parameter.constant.name)
        let values = try parameter.bias(
            inputScale: inputScale, weights: weights, outputs: outputs)
        return (values, tensor)
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
