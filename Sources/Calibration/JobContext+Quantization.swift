// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// From statistics to the integer network.
extension JobContext {
    /// Takes the statistics of the network as given, and replaces that by the equalized one, where
    /// that is wanted, with statistics derived from these.
    mutating func take(_ found: Statistics.Found) {
        (statistics, measuredStatistics) = (found.all, found.measured)
        guard let method = options.equalization else { return }
        let given = found.all
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
        measuredStatistics = found.measured.rescaled(by: result.rescaling, original.graph)
    }

    /// Ranges of all nodes from smallest to largest value.
    var observedRanges: [ActivationRange] {
        statistics?.extrema(network.graph).ranges ?? []
    }

    /// Bins between infinities would be endless, and no file holds the errors of what is no number.
    func checkStatistics() throws(QuantizationError) {
        guard let statistics else { return }
        let layout = ChannelLayout(network.graph)
        for (index, range) in observedRanges.enumerated() {
            let node = network.graph.nodes[index]
            guard range.lower.isFinite, range.upper.isFinite else {
                throw QuantizationError(
                    .nonFiniteRange(lower: range.lower, upper: range.upper), layer: node.name)
            }
            // Corrections see more images than ranges do, and start in front of the clamp, which
            // can hide what is no number.
            let channels = layout.range(index)
            let isMatched = options.correction != nil && node.convolution != nil
            let sums = [
                statistics.sumsAfter[channels], statistics.squaresAfter[channels],
                isMatched ? statistics.sumsBefore[channels] : [],
            ]
            if let sum = sums.joined().first(where: { !$0.isFinite }) {
                throw QuantizationError(
                    .nonFiniteRange(lower: Float(sum), upper: Float(sum)), layer: node.name)
            }
        }
    }

    /// Makes the integer network, and its biases where none are known yet.
    /// - Parameter ranges: of all nodes; nil takes their extrema.
    /// - Throws: `QuantizationError` for what cannot be quantized.
    mutating func quantize(_ ranges: [ActivationRange]?) throws {
        guard let statistics else { preconditionFailure("ranges without statistics") }
        try checkStatistics()
        let network = try given ?? quantizedNetwork(statistics, ranges)
        if options.tuning != nil { try network.checkBiasScales() }
        biasLimits = network.biasLimits
        for layer in fixedLayers { biasLimits[layer] = biasLimits[layer].map { _ in -1 } }
        quantized = network
        biases = biases ?? BiasState(of: network)
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
        _ statistics: NetworkStatistics, _ ranges: [ActivationRange]?
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
            quantizing: reduced, inputRanges: inputs, ranges: ranges ?? extrema.ranges,
            power: power(statistics), reach: reach(extrema), scheme: options.scheme)
    }

    /// Layers whose sums can saturate where processors add two products in 16 bits, on images like
    /// those of calibration.
    var saturatingLayers: [String] {
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
