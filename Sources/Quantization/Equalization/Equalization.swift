// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// How channels are rescaled before quantization.
package enum EqualizationMethod: String, Hashable, Sendable, Codable, CaseIterable {
    /// Channels grow until they fill their layer's weight range or activation range (arXiv
    /// 1902.01917, one-step equalization).
    case oneStep = "one-step"
    /// The weight ranges on both sides of a channel become equal, and biases are absorbed (arXiv
    /// 1906.04721).
    case crossLayer = "cross-layer"
    /// The noise of rounding, in front of a channel and behind it, becomes least in the layers that
    /// read it.
    case leastNoise = "least-noise"
}

/// What equalization has to know of the float network, over the calibration images.
package struct EqualizationStatistics: Sendable {
    /// Behind the clamp.
    package var extrema: ChannelExtrema
    /// Mean and standard deviation per node and channel.
    package var means: [[Double]]
    /// Over all pixels and images, of values behind the clamp.
    package var deviations: [[Double]]

    /// Memberwise; all arrays have the shape of `extrema`.
    package init(extrema: ChannelExtrema, means: [[Double]], deviations: [[Double]]) {
        self.extrema = extrema
        self.means = means
        self.deviations = deviations
    }
}

/// A float network whose channels were rescaled so that one scale per tensor suits them better.
///
/// Channel k of a layer is multiplied by `s_k > 0`, and the layers that read it divide by it.
/// Operations between them pass a positive scale on; what additions and concatenations tie together
/// shares one. The function stays the same up to rounding, but for one case: a clamp's upper bound
/// c does not scale along. A channel that reaches c on the calibration images is therefore left as
/// it is, and any other stays below c on them: `s_k <= c / A_k`. Where it exceeds `c / s_k` on
/// other images, the clamp cuts it off.
package struct Equalization: Hashable, Sendable {
    /// What happened to one convolution's output channels.
    package struct Layer: Hashable, Sendable, Codable {
        /// Name of the node, as in the model.
        package var layer: String
        /// Channels with a scale other than 1.
        package var scaledChannels: Int
        /// Of all its channels; 1 where none was scaled.
        package var smallestScale: Float
        /// Of all its channels; 1 where none was scaled.
        package var largestScale: Float
        /// Channels whose bias was absorbed by the next layer.
        package var absorbedChannels: Int
        /// Why channels were left as they were; nil where all were scaled.
        package var reason: String?
    }

    /// The same function with other weights and biases; the graph is that of the network as given.
    package var network: FloatNetwork
    /// From the network as given to ``network``.
    package var rescaling: ChannelRescaling
    /// One entry per convolution, in topological order.
    package var layers: [Layer]

    /// No channel grows by more (arXiv 1902.01917).
    static let largestScale: Float = 16
    /// Sweeps over all layers until ranges are balanced (arXiv 1906.04721 repeats until
    /// convergence).
    static let sweeps = 20
    /// Share of a clamp's upper bound from which on a channel counts as reaching it.
    static let capShare: Float = 0.999

    /// - Parameters:
    ///   - network: folded, dead channels already removed.
    ///   - method: which scales.
    ///   - statistics: of this network.
    ///   - granularity: with one weight scale per channel, a row's range does not limit its scale.
    ///   - dead: channels that were removed, which keep their constants.
    package init(
        of network: FloatNetwork, method: EqualizationMethod, statistics: EqualizationStatistics,
        granularity: Granularity, dead: [DeadChannels]
    ) {
        var equalizer = Equalizer(
            network, statistics: statistics, granularity: granularity, dead: dead)
        switch method {
        case .oneStep: equalizer.fillRanges()
        case .crossLayer:
            equalizer.balance()
            equalizer.absorbBiases()
        case .leastNoise: equalizer.reduceNoise()
        }
        self.network = equalizer.result
        rescaling = equalizer.rescaling
        layers = equalizer.report
    }
}
