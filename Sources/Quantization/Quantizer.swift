// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

extension QuantizedNetwork {
    /// Quantizes a float network (dead channels already removed) with round-to-nearest weights.
    ///
    /// The input and results of nodes are quantized, with a scale of their own unless their
    /// operator keeps its operand's (`OperatorForm.resultQuantization`).
    /// - Parameters:
    ///   - network: the float network.
    ///   - inputRanges: of the network's inputs.
    ///   - ranges: of every node's output.
    ///   - power: per value and channel, the mean square that counts for the layers that read it,
    ///     for ``WeightScaleEstimator/outputMSE`` and where pairs of weights are limited; a value
    ///     without any counts the same in all channels.
    ///   - reach: of the activations, which says what pairs of weights can add up to; without it,
    ///     any 8-bit value is expected.
    ///   - scheme: granularity, symmetry, bits and types.
    /// - Throws: ``QuantizationError`` when a range is not finite or an accumulator could overflow.
    package init(
        quantizing network: FloatNetwork, inputRanges: [ActivationRange],
        ranges: [ActivationRange],
        power: [[Float]] = [], reach: ActivationReach? = nil, scheme: QuantizationScheme
    ) throws(QuantizationError) {
        let graph = network.graph
        var activations: [TensorQuantization?] = []
        for (input, range) in zip(graph.inputs, inputRanges) {
            activations.append(try Self.activation(range, layer: input.name, scheme: scheme))
        }
        for (index, node) in graph.nodes.enumerated() {
            switch node.operation.form.resultQuantization {
            case .operand: activations.append(activations[node.inputs[0]])
            case .fixed(let scale, let zeroPoint):
                let type = scheme.activationType
                activations.append(
                    TensorQuantization(
                        scale: scale, zeroPoint: zeroPoint - type.offset, type: type))
            case .ownRange:
                activations.append(
                    try Self.activation(ranges[index], layer: node.name, scheme: scheme))
            }
        }
        // Layers do not depend on each other, and the search for scales takes a while.
        let layers = concurrentMap(graph.nodes.count) { [activations] index in
            let node = graph.nodes[index]
            guard let float = network.parameters[index], let input = activations[node.inputs[0]]
            else { return Result<QuantizedParameters, QuantizationError>?.none }
            return Result { () throws(QuantizationError) in
                try Self.parameters(
                    float, input: input, layer: node.name, scheme: scheme,
                    importance: graph.importance(node, weights: float.weights.count, power: power),
                    pairs: ProductPairs(of: index, in: graph, input: input, reach: reach))
            }
        }
        var parameters: [QuantizedParameters?] = []
        for layer in layers { parameters.append(try layer?.get()) }
        if !scheme.quantizesOutput {
            for output in graph.outputs where graph.hasAccumulators(output.value) {
                activations[output.value] = nil
            }
        }
        self.init(graph: graph, parameters: parameters, activations: activations)
        try validate()
    }

    /// Most products per output: 255 · 255 · 33,025 is the last that fits int32.
    package static let longestReduction = 33_025

    /// Checks what the integer executor relies on: no input may make an accumulator leave int32,
    /// and a float output is made from accumulators or is a mean.
    /// - Parameter acceptsBiases: of a network that somebody else quantized: biases may be so large
    ///   that some input makes a sum leave int32. It wraps, as in the runtimes.
    /// - Throws: ``QuantizationError`` naming the first such layer.
    package func validate(acceptsBiases: Bool = false) throws(QuantizationError) {
        for value in activations.indices where activations[value] == nil {
            guard graph.mayStayFloat(value) else {
                throw QuantizationError(.floatOutput, layer: graph.name(of: value))
            }
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
            if !acceptsBiases,
                let channel = BiasQuantization.firstOverflow(
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
        scheme: QuantizationScheme, importance: [Float], pairs: ProductPairs?
    ) throws(QuantizationError) -> QuantizedParameters {
        let quantizer = WeightQuantizer(symmetry: scheme.symmetry, bits: scheme.weightBits)
        let ranges = weightRanges(float, quantizer: quantizer, scheme: scheme, importance)
        let scales = weightScales(float, ranges: ranges, input: input, quantizer: quantizer)
        let weights = stored(
            quantizer.quantize(float.weights, ranges: ranges, scales: scales), float: float,
            scheme: scheme, importance: importance, pairs: pairs, quantizer: quantizer)
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

    /// Largest growth of a layer's squared weight error for which its pairs are limited where
    /// ``WeightStorage/automatic`` may take uint8 instead.
    private static let mostPairCost = 1.3

    /// The weights in the type they are stored in, and where that is int8, kept from saturating in
    /// pairs.
    private static func stored(
        _ weights: QuantizedWeights, float: FloatParameters, scheme: QuantizationScheme,
        importance: [Float], pairs: ProductPairs?, quantizer: WeightQuantizer
    ) -> QuantizedWeights {
        guard weights.type == .int8 else { return weights }
        if scheme.weightStorage == .uint8 { return weights.unsigned }
        guard scheme.weightSaturation == .avoid, let pairs else { return weights }
        let (limited, cost) = PairLimiter(pairs: pairs, quantizer: quantizer).limit(
            weights, float: float.weights, importance: importance)
        return scheme.weightStorage == .automatic && cost > mostPairCost
            ? weights.unsigned : limited
    }

    /// What the weights of each group cover: one group, or one per output channel.
    private static func weightRanges(
        _ float: FloatParameters, quantizer: WeightQuantizer, scheme: QuantizationScheme,
        _ importance: [Float]
    ) -> [WeightRange] {
        let counts =
            scheme.weightScale == .outputMSE
            ? importance : [Float](repeating: 1, count: float.weights.count)
        let groups = scheme.granularity == .tensor ? 1 : float.bias.count
        let size = float.weights.count / groups
        return (0..<groups).map { group in
            let indices = group * size..<(group + 1) * size
            return scheme.weightScale == .minmax
                ? WeightRange(of: float.weights[indices])
                : WeightRangeSearch(quantizer: quantizer).range(
                    of: float.weights[indices], importance: counts[indices])
        }
    }

    /// Scales per group, widened where a bias would not fit int32, and for groups of zeros.
    private static func weightScales(
        _ float: FloatParameters, ranges: [WeightRange], input: TensorQuantization,
        quantizer: WeightQuantizer
    ) -> [Float] {
        let scales = ranges.map(quantizer.scale)
        let substitute = scales.max().flatMap { $0 > 0 ? $0 : nil } ?? 1
        let channels = float.bias.count / ranges.count
        return scales.enumerated().map { group, scale in
            let biases = float.bias[group * channels..<(group + 1) * channels]
            let largest = biases.reduce(0) { max($0, abs($1)) }
            let least = BiasQuantization.leastWeightScale(bias: largest, inputScale: input.scale)
            return max(
                scale == 0 ? substitute : scale, least,
                Float.leastNormalMagnitude / min(input.scale, 1))
        }
    }
}

extension Graph {
    /// Whether a float value can be formed from accumulators, which only a convolution leaves, and
    /// no node reads it.
    fileprivate func hasAccumulators(_ value: ValueID) -> Bool {
        node(of: value).map { nodes[$0].convolution != nil } == true && !isRead(value)
    }

    private func isRead(_ value: ValueID) -> Bool { nodes.contains { $0.inputs.contains(value) } }

    /// Whether a value of a quantized network needs no quantizer: an output that comes from
    /// accumulators or is a mean, and accumulators that only means over all pixels read.
    package func mayStayFloat(_ value: ValueID) -> Bool {
        isOutput(value) ? hasAccumulators(value) || isMean(value) : onlyMeansRead(value)
    }

    private func isMean(_ value: ValueID) -> Bool {
        guard let node = node(of: value), nodes[node].clamp == .none, !isRead(value) else {
            return false
        }
        return nodes[node].operation.form.floatPrecision == .amongFloats
    }

    private func onlyMeansRead(_ value: ValueID) -> Bool {
        node(of: value).map { nodes[$0].convolution != nil } == true
            && nodes.allSatisfy {
                !$0.inputs.contains(value) || $0.operation == .globalAveragePool
            }
    }

    /// What the squared error of each weight of a convolution counts: the power of the input
    /// channel it meets.
    fileprivate func importance(_ node: Node, weights: Int, power: [[Float]]) -> [Float] {
        let value = node.inputs[0]
        guard let convolution = node.convolution, power.indices.contains(value),
            power[value].count == shape(of: value).channels,
            power[value].contains(where: { $0 > 0 })
        else { return [Float](repeating: 1, count: weights) }
        let depth = shape(of: value).channels / convolution.groups
        let taps = weights / node.shape.channels
        let outputsPerGroup = node.shape.channels / convolution.groups
        var importance: [Float] = []
        importance.reserveCapacity(weights)
        for output in 0..<node.shape.channels {
            let first = output / outputsPerGroup * depth
            for tap in 0..<taps { importance.append(power[value][first + tap % depth]) }
        }
        return importance
    }
}
