// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// From statistics to the integer network.
extension CalibrationJob {
    mutating func completeStatistics(_ results: [[UInt8]]) throws {
        let channels = ChannelLayout(network.graph).total
        var total = NetworkStatistics(
            channels: channels, inputs: network.graph.inputs.count)
        var measured = total
        let ranges = options.rangeImages
        let corrections = min(options.correctionImages, correctableImages)
        for (shard, payload) in zip(statisticsShards, results) {
            let statistics = try NetworkStatistics(
                payload: payload, channels: channels, inputs: network.graph.inputs.count)
            if shard.images.allSatisfy({ $0 < ranges }) { total.widen(statistics) }
            if shard.images.allSatisfy({ $0 < corrections }) {
                total.addSums(statistics)
                if shard.images.allSatisfy({ $0 < Self.measuredImages }) {
                    measured.addSums(statistics)
                }
            }
        }
        progress.statistics = total
        progress.measuredStatistics = measured
        equalize()
        if options.range.usesHistogram {
            try checkFinite(observedRanges)
            progress.stage = .ranging
        } else {
            try finishRanging()
        }
    }

    /// Replaces the network by the equalized one, where that is wanted, and derives its statistics.
    mutating func equalize() {
        (statistics, measuredStatistics) = (progress.statistics, progress.measuredStatistics)
        guard let method = options.equalization, let given = statistics else { return }
        let extrema = given.extrema(original.graph)
        let moments = given.moments(original.graph)
        let dead =
            options.removesDeadChannels
            ? DeadChannels.find(in: original, extrema: extrema, scheme: options.scheme) : []
        var reduced = original
        DeadChannels.remove(dead, from: &reduced)
        let result = Equalization(
            of: reduced, method: method,
            statistics: EqualizationStatistics(
                extrema: extrema, means: moments.map(\.means),
                deviations: moments.map(\.deviations)),
            granularity: options.scheme.granularity, dead: dead)
        deadChannels = dead
        network = result.network
        equalization = result
        statistics = given.rescaled(by: result.rescaling, original.graph)
        measuredStatistics = measuredStatistics?.rescaled(by: result.rescaling, original.graph)
    }

    /// Ranges of all nodes from smallest to largest value.
    var observedRanges: [ActivationRange] {
        statistics?.extrema(network.graph).ranges ?? []
    }

    /// Bins between infinities would be endless.
    private func checkFinite(_ ranges: [ActivationRange]) throws(QuantizationError) {
        for (node, range) in zip(network.graph.nodes, ranges) {
            guard range.lower.isFinite, range.upper.isFinite else {
                throw QuantizationError(
                    .nonFiniteRange(lower: range.lower, upper: range.upper), layer: node.name)
            }
        }
    }

    mutating func completeRanging(_ results: [[UInt8]]) throws {
        let nodes = network.graph.nodes.count
        var total = ActivationHistograms(nodes: nodes)
        for payload in results {
            total.add(try ActivationHistograms(payload: payload, nodes: nodes))
        }
        progress.ranges = observedRanges.enumerated().map { node, edges in
            total.histogram(node: node, edges: edges)
                .range(options.range, type: options.scheme.activationType)
        }
        try finishRanging()
    }

    private mutating func finishRanging() throws {
        try quantize()
        progress.biases = quantized.map(BiasState.init(of:))
        if options.guardImages != nil {
            progress.guarding = GuardProgress()
            progress.stage = .guarding(.teacher)
        } else {
            try startCorrection(layer: 0)
        }
    }

    mutating func quantize() throws {
        guard let statistics else { preconditionFailure("ranges without statistics") }
        let network = try given ?? quantizedNetwork(statistics)
        biasLimits = network.biasLimits
        for layer in fixedLayers { biasLimits[layer] = biasLimits[layer].map { _ in -1 } }
        quantized = network
        guard options.correction?.match == .post else { return }
        predictedBiases = network.predictedBiases(
            float: self.network, means: statistics.moments(self.network.graph).map(\.means),
            limits: biasLimits)
        // A removed channel has no weights that lost anything.
        for (layer, node) in network.graph.convolutions.enumerated() {
            for dead in deadChannels where dead.node == node {
                for channel in dead.channels {
                    predictedBiases[layer][channel] = initialBiases(layer: layer)[channel]
                }
            }
        }
    }

    private mutating func quantizedNetwork(
        _ statistics: NetworkStatistics
    ) throws -> QuantizedNetwork {
        let extrema = statistics.extrema(network.graph)
        var reduced = network
        if options.removesDeadChannels {
            deadChannels += DeadChannels.find(in: network, extrema: extrema, scheme: options.scheme)
            DeadChannels.remove(deadChannels, from: &reduced)
        }
        let inputs =
            inputRange.map { range in network.graph.inputs.map { _ in range } }
            ?? statistics.inputs
        return try QuantizedNetwork(
            quantizing: reduced, inputRanges: inputs, ranges: progress.ranges ?? extrema.ranges,
            power: power(statistics), reach: reach(extrema), scheme: options.scheme)
    }

    /// Layers whose sums can saturate where processors add two products in 16 bits, on images like
    /// those of calibration.
    package var saturatingLayers: [String] {
        guard let statistics, let quantized else { return [] }
        return quantized.saturatingLayers(reach(statistics.extrema(network.graph))).map {
            network.graph.nodes[$0].name
        }
    }

    private func reach(_ extrema: ChannelExtrema) -> ActivationReach {
        ActivationReach(
            extrema: extrema, images: statisticsShards.reduce(0) { $0 + $1.images.count })
    }

    /// Mean squares of all values' channels over the correction images, in front of the layers that
    /// read them. Bias correction takes the error of the mean out, so only the variance is left to
    /// count. Channels without any keep a small part, since other images may have some.
    private func power(_ statistics: NetworkStatistics) -> [[Float]] {
        let isCorrected = options.correction != nil
        return network.graph.inputs.map { _ in [] }
            + statistics.moments(network.graph).map { moments in
                let powers = zip(moments.means, moments.deviations).map { mean, deviation in
                    deviation * deviation + (isCorrected ? 0 : mean * mean)
                }
                let least = 0.01 * powers.reduce(0, +) / Double(powers.count)
                return powers.map { Float(max($0, least)) }
            }
    }
}
