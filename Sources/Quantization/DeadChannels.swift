// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// Output channels of one layer whose activation never varies and whose weights widen the layer's
/// scale.
package struct DeadChannels: Hashable, Sendable, Codable {
    /// Index into `graph.nodes`.
    package var node: Int
    /// Name of the node, as in the model.
    package var layer: String
    /// Indices of output channels, ascending.
    package var channels: [Int]
    /// What each channel outputs; becomes its bias.
    package var constants: [Float]
    /// Weight scale of the layer before and after removal.
    package var scaleBefore: Float
    /// Not above ``scaleBefore``.
    package var scaleAfter: Float
}

extension DeadChannels {
    /// Spread below which a channel counts as constant, as a share of its layer's range.
    static let constancy: Float = 1e-6

    /// Finds the dead channels of a network that are worth removing.
    ///
    /// A BatchNormalization whose channel has almost no variance blows that channel's folded
    /// weights up, and one scale for the whole layer then has to cover them. A channel is removed
    /// only if it is constant over all calibration images and its weights lie outside the range of
    /// the channels that stay: removing any other gains nothing and costs accuracy on images where
    /// it does fire. With one scale per channel there is nothing to gain at all.
    package static func find(
        in network: FloatNetwork, extrema: ChannelExtrema, scheme: QuantizationScheme
    ) -> [DeadChannels] {
        guard scheme.granularity == .tensor else { return [] }
        let quantizer = WeightQuantizer(symmetry: scheme.symmetry, bits: scheme.weightBits)
        return network.graph.convolutions.compactMap { node in
            let graph = network.graph
            guard !graph.isOutput(graph.value(of: node)), let parameters = network.parameters[node]
            else { return nil }
            return find(
                node: node, layer: network.graph.nodes[node].name, parameters: parameters,
                lower: extrema.lower[node], upper: extrema.upper[node], quantizer: quantizer)
        }
    }

    private static func find(
        node: Int, layer: String, parameters: FloatParameters, lower: [Float], upper: [Float],
        quantizer: WeightQuantizer
    ) -> DeadChannels? {
        let channels = lower.count
        let taps = parameters.weights.count / channels
        let span = (upper.max() ?? 0) - (lower.min() ?? 0)
        let isConstant = (0..<channels).map { upper[$0] - lower[$0] <= constancy * span }
        guard isConstant.contains(true), isConstant.contains(false) else { return nil }

        func weights(_ channel: Int) -> ArraySlice<Float> {
            parameters.weights[channel * taps..<(channel + 1) * taps]
        }
        var lowest: Float = 0
        var highest: Float = 0
        for channel in 0..<channels where !isConstant[channel] {
            lowest = min(lowest, weights(channel).min() ?? 0)
            highest = max(highest, weights(channel).max() ?? 0)
        }
        if quantizer.symmetry == .symmetric {
            highest = max(-lowest, highest)
            lowest = -highest
        }
        let dead = (0..<channels).filter { channel in
            isConstant[channel]
                && weights(channel).contains { $0 < lowest || $0 > highest }
        }
        guard !dead.isEmpty else { return nil }
        return DeadChannels(
            node: node, layer: layer, channels: dead,
            constants: dead.map { (lower[$0] + upper[$0]) / 2 },
            scaleBefore: quantizer.scale(of: WeightRange(of: parameters.weights[...])),
            scaleAfter: quantizer.scale(of: WeightRange(lowest: lowest, highest: highest)))
    }

    /// Gives each dead channel zero weights and its constant as bias.
    package static func remove(_ dead: [DeadChannels], from network: inout FloatNetwork) {
        for layer in dead {
            guard var parameters = network.parameters[layer.node] else { continue }
            let taps = parameters.weights.count / parameters.bias.count
            for (channel, constant) in zip(layer.channels, layer.constants) {
                for tap in channel * taps..<(channel + 1) * taps { parameters.weights[tap] = 0 }
                parameters.bias[channel] = constant + 0
            }
            network.parameters[layer.node] = parameters
        }
    }
}
