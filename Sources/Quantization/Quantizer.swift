package import NetworkGraph

extension QuantizedNetwork {
    /// Quantizes a float network (dead channels already removed) with round-to-nearest weights.
    ///
    /// Quantization points are the input, convolutions, additions, products, concatenations, average pools,
    /// activations, normalizations and free-standing clamps; a max-pool keeps its input's scale, since it only selects values.
    /// - Parameters:
    ///   - network: the float network.
    ///   - inputRange: range of the network's input.
    ///   - extrema: per node and channel, over the calibration images.
    ///   - scheme: granularity, symmetry, bits and types.
    /// - Throws: ``QuantizationError`` when a range is not finite or an accumulator could overflow.
    package init(
        quantizing network: FloatNetwork, inputRange: ActivationRange, extrema: ChannelExtrema,
        scheme: QuantizationScheme
    ) throws(QuantizationError) {
        let graph = network.graph
        var activations: [TensorQuantization?] = [
            try Self.activation(inputRange, layer: graph.input.name, scheme: scheme)
        ]
        for (index, node) in graph.nodes.enumerated() {
            if case .maxPool = node.operation {
                activations.append(activations[node.inputs[0]])
            } else {
                activations.append(
                    try Self.activation(
                        extrema.range(node: index), layer: node.name, scheme: scheme))
            }
        }
        var parameters: [QuantizedParameters?] = []
        for (index, node) in graph.nodes.enumerated() {
            guard let float = network.parameters[index], let input = activations[node.inputs[0]]
            else {
                parameters.append(nil)
                continue
            }
            parameters.append(
                try Self.parameters(float, input: input, layer: node.name, scheme: scheme))
        }
        if !scheme.quantizesOutput, graph.outputCanStayFloat {
            activations[graph.output.value] = nil
        }
        self.init(graph: graph, parameters: parameters, activations: activations)
        try validate()
    }

    /// Most products per output: 255 · 255 · 33,025 is the last that fits int32.
    package static let longestReduction = 33_025

    /// Checks what the integer executor relies on: no input may make an accumulator leave int32, and a float
    /// output is made from accumulators.
    /// - Throws: ``QuantizationError`` naming the first such layer.
    package func validate() throws(QuantizationError) {
        if activations[graph.output.value] == nil, !graph.outputCanStayFloat {
            throw QuantizationError(.floatOutput, layer: graph.name(of: graph.output.value))
        }
        for node in graph.convolutions {
            guard let parameters = parameters[node],
                let input = activations[graph.nodes[node].inputs[0]]
            else { continue }
            let taps = parameters.weights.count / parameters.bias.count
            guard taps <= Self.longestReduction else {
                throw QuantizationError(
                    .reductionTooLong(taps: taps, limit: Self.longestReduction),
                    layer: graph.nodes[node].name)
            }
            if let channel = BiasQuantization.firstOverflow(
                parameters: parameters, inputZeroPoint: input.unsignedZeroPoint)
            {
                throw QuantizationError(
                    .accumulatorOverflow(channel: channel), layer: graph.nodes[node].name)
            }
        }
    }

    private static func activation(
        _ range: ActivationRange, layer: String, scheme: QuantizationScheme
    ) throws(QuantizationError) -> TensorQuantization {
        guard range.lower.isFinite, range.upper.isFinite else {
            throw QuantizationError(
                .nonFiniteRange(lower: range.lower, upper: range.upper), layer: layer)
        }
        return TensorQuantization(covering: range, type: scheme.activationType)
    }

    private static func parameters(
        _ float: FloatParameters, input: TensorQuantization, layer: String,
        scheme: QuantizationScheme
    ) throws(QuantizationError) -> QuantizedParameters {
        let quantizer = WeightQuantizer(symmetry: scheme.symmetry, bits: scheme.weightBits)
        let scales = weightScales(
            float, input: input, quantizer: quantizer, granularity: scheme.granularity)
        let weights = quantizer.quantize(float.weights, scales: scales)
        var result = QuantizedParameters(
            weights: weights.values, type: weights.type, scales: weights.scales,
            zeroPoints: weights.zeroPoints, bias: [])
        for (channel, value) in float.bias.enumerated() {
            let scale = BiasQuantization.scale(
                input: input.scale, weight: result.scale(channel: channel))
            guard let bias = BiasQuantization.quantize(Double(value), scale: scale) else {
                throw QuantizationError(.accumulatorOverflow(channel: channel), layer: layer)
            }
            result.bias.append(bias)
        }
        return result
    }

    /// Scales per group, widened where a bias would not fit int32, and for groups of zeros.
    private static func weightScales(
        _ float: FloatParameters, input: TensorQuantization, quantizer: WeightQuantizer,
        granularity: Granularity
    ) -> [Float] {
        let channels = float.bias.count
        let taps = float.weights.count / channels
        func fitted(_ scale: Float, biases: ArraySlice<Float>) -> Float {
            let largest = biases.reduce(0) { max($0, abs($1)) }
            let least = BiasQuantization.leastWeightScale(bias: largest, inputScale: input.scale)
            return max(scale, least, Float.leastNormalMagnitude / min(input.scale, 1))
        }
        switch granularity {
        case .tensor:
            let scale = quantizer.scale(of: float.weights[...])
            return [fitted(scale == 0 ? 1 : scale, biases: float.bias[...])]
        case .channel:
            let scales = (0..<channels).map {
                quantizer.scale(of: float.weights[$0 * taps..<($0 + 1) * taps])
            }
            let substitute = scales.max().flatMap { $0 > 0 ? $0 : nil } ?? 1
            return scales.enumerated().map { channel, scale in
                fitted(scale == 0 ? substitute : scale, biases: float.bias[channel...channel])
            }
        }
    }
}

extension Graph {
    /// Only a convolution leaves accumulators from which a float output can be formed.
    package var outputCanStayFloat: Bool {
        output.value > 0 && nodes[output.value - 1].convolution != nil
            && consumers[output.value].isEmpty
    }
}
