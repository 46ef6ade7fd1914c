// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// What the stages of a job have in common: what the job was given, and what is known by now.
struct JobContext: Sendable {
    /// The network as given, which rounds run.
    let original: FloatNetwork
    let options: CalibrationOptions
    /// Images in the pool.
    let imageCount: Int
    /// Range of every input where it is known.
    let inputRange: ActivationRange?
    /// A quantization made elsewhere, of the same graph: only its biases change.
    let given: QuantizedNetwork?
    /// Convolutions of it whose biases are constants that stay, in topological order from 0.
    let fixedLayers: Set<Int>
    /// Right logit of every image, for losses that need it.
    let labels: [Int]?

    let statisticsShards: [Shard]
    let correctionShards: [Shard]
    let rangeShards: [Shard]
    let measureShards: [Shard]

    /// The network that is quantized, and that corrections compare with: the given one, or the same
    /// function with other scales.
    var network: FloatNetwork
    /// What equalization did, once it is done.
    var equalization: Equalization?
    /// Of ``network``, once known.
    var statistics: NetworkStatistics?
    /// Its sums over the measured images alone.
    var measuredStatistics: NetworkStatistics?
    var deadChannels: [DeadChannels] = []
    /// The integer network with its initial biases, once ranges are known.
    var quantized: QuantizedNetwork?
    /// Per convolution and channel, what a bias may not exceed.
    var biasLimits: [[Int64]] = []
    /// Per convolution, the biases that its correction behind the activation starts from; empty
    /// until the network is quantized.
    var predictedBiases: [[Int32]] = []
    /// Biases of all convolutions in front of fine-tuning; nil until the network is quantized.
    var biases: BiasState?
    /// What stages have changed in the biases so far, in order.
    var changes: [HeldOutCheck.Step] = []

    /// Images of the measure round at most, the first of those that correct.
    private static let measuredImages = 8

    init(
        network: FloatNetwork, options: CalibrationOptions, imageCount: Int,
        inputRange: ActivationRange?, given: QuantizedNetwork?, fixedLayers: Set<Int>,
        labels: [Int]?
    ) {
        original = network
        self.network = network
        self.options = options
        self.imageCount = imageCount
        self.inputRange = inputRange
        self.given = given
        self.fixedLayers = fixedLayers
        self.labels = labels
        let ranges = min(options.rangeImages, imageCount)
        let corrections = min(
            options.correctionImages, options.correctableImages(of: imageCount))
        let measured = min(Self.measuredImages, corrections)
        statisticsShards = Shard.cut(
            count: max(ranges, corrections), size: options.shardImages,
            boundaries: [ranges, corrections, measured])
        correctionShards = Shard.cut(count: corrections, size: options.shardImages)
        rangeShards = Shard.cut(count: ranges, size: options.shardImages)
        measureShards = Shard.cut(count: measured, size: options.shardImages)
    }

    /// Images that corrections may use, the first of the pool.
    var correctableImages: Int { options.correctableImages(of: imageCount) }

    /// Images that correct.
    var correctionImages: Int { min(options.correctionImages, correctableImages) }

    /// Images that errors are measured on.
    var measuredImages: Int { min(Self.measuredImages, correctionImages) }

    /// Channels of every convolution.
    var widths: [Int] {
        network.graph.convolutions.map { network.graph.nodes[$0].shape.channels }
    }

    /// Channels of all convolutions together.
    var convolvedChannels: Int {
        ChannelLayout(network.graph, convolutionsOnly: true).total
    }

    /// Of the network as it was quantized.
    func initialBiases(layer: Int) -> [Int32] {
        quantized?.parameters[network.graph.convolutions[layer]]?.bias ?? []
    }
}
