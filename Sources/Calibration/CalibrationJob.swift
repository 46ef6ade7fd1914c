// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import Quantization

/// Every choice that decides the bits of a calibration, besides the network and the images.
package struct CalibrationOptions: Hashable, Sendable, Codable {
    package var scheme: QuantizationScheme
    package var range: RangeEstimator
    /// Nil leaves the channels' scales as they are.
    package var equalization: EqualizationMethod?
    package var removesDeadChannels: Bool
    /// Nil leaves the rounded biases as they are.
    package var correction: CorrectionOptions?
    /// Images behind the activation ranges.
    package var rangeImages: Int
    /// Images behind the means that bias correction matches.
    package var correctionImages: Int
    /// Images per shard.
    package var shardImages: Int
    /// Images held out of all corrections to judge them, the last of the pool; nil keeps whatever
    /// corrections give.
    package var guardImages: Int?
    /// Nil leaves out fine-tuning.
    package var tuning: TuningOptions?
    /// Images per shard of fine-tuning.
    package var tuningShardImages: Int

    package init(
        scheme: QuantizationScheme, range: RangeEstimator = .minmax,
        equalization: EqualizationMethod? = nil, removesDeadChannels: Bool,
        correction: CorrectionOptions?, rangeImages: Int, correctionImages: Int, shardImages: Int,
        guardImages: Int? = nil, tuning: TuningOptions? = nil, tuningShardImages: Int = 2
    ) {
        self.scheme = scheme
        self.range = range
        self.equalization = equalization
        self.removesDeadChannels = removesDeadChannels
        self.correction = correction
        self.rangeImages = rangeImages
        self.correctionImages = correctionImages
        self.shardImages = shardImages
        self.guardImages = guardImages
        self.tuning = tuning
        self.tuningShardImages = tuningShardImages
    }
}

/// Calibration as a value: emits rounds, consumes their results, knows nothing of workers.
///
/// Statistics → equalization, if wanted → histograms where ranges need them → quantization → one
/// round per convolution in topological order → fine-tuning → measurement. The state after any
/// round is a ``Progress``, from which a new job goes on with the same bits.
package struct CalibrationJob: Sendable {
    /// What has to survive between rounds.
    package struct Progress: Hashable, Sendable {
        package enum Stage: Hashable, Sendable {
            /// → ranging, guarding, correcting, tuning, measuring
            case statistics
            /// Histograms, where extrema alone do not give the ranges. → guarding, correcting,
            /// tuning, measuring
            case ranging
            /// Held-out images judge what was reached. → guarding, correcting, tuning, measuring
            case guarding(GuardProgress.Step)
            /// The round of one convolution. → correcting (next layer), guarding, tuning, measuring
            case correcting(layer: Int)
            /// Rounds of fine-tuning. → guarding, measuring
            case tuning
            /// → finished
            case measuring
            case finished
        }

        package var stage: Stage = .statistics
        /// Rounds completed.
        package var rounds = 0
        /// Of the network as given.
        package var statistics: NetworkStatistics?
        /// Their sums over the measured images alone, which errors are compared with.
        package var measuredStatistics: NetworkStatistics?
        /// Ranges of all nodes from histograms; nil where extrema give them.
        package var ranges: [ActivationRange]?
        /// Biases of all convolutions in front of fine-tuning; nil until the network is quantized.
        package var biases: BiasState?
        /// One entry per convolution that has had its turn.
        package var corrections: [LayerCorrection] = []
        /// State of fine-tuning; nil until it starts.
        package var tuning: TuningProgress?
        /// The float network's logits, `[image][class]`, over the images of fine-tuning; empty
        /// until computed.
        package var teacher: [Float] = []
        /// What held-out images say; nil without a guard, and until the network is quantized.
        package var guarding: GuardProgress?
        package var errors: ErrorSums?

        package init() {}
    }

    /// The network as given, which rounds run.
    package let original: FloatNetwork
    /// The network that is quantized, and that corrections compare with: the given one, or the same
    /// function with other scales.
    package internal(set) var network: FloatNetwork
    /// Of that network, once known.
    package internal(set) var statistics: NetworkStatistics?
    /// Its sums over the measured images alone.
    package internal(set) var measuredStatistics: NetworkStatistics?
    /// What equalization did, once it is done.
    package internal(set) var equalization: Equalization?
    package let options: CalibrationOptions
    /// Known range of the input, for images that arrive as pixels.
    package let inputRange: ActivationRange?
    /// A quantization made elsewhere, of the same graph: only its biases change.
    package let given: QuantizedNetwork?
    /// Convolutions of it whose biases are constants that stay, in topological order from 0.
    let fixedLayers: Set<Int>
    package internal(set) var progress: Progress
    package internal(set) var deadChannels: [DeadChannels] = []
    /// The integer network with its initial biases, once ranges are known.
    package internal(set) var quantized: QuantizedNetwork?
    /// Fine-tuning, once it has started.
    package internal(set) var tuning: TuningStage?
    /// Right logit of every image, for losses that need it.
    let labels: [Int]?
    let imageCount: Int

    /// Per convolution and channel, what a bias may not exceed.
    var biasLimits: [[Int64]] = []
    /// Per convolution, the biases that its correction behind the activation starts from; empty
    /// until the network is quantized.
    var predictedBiases: [[Int32]] = []

    let statisticsShards: [Shard]
    let correctionShards: [Shard]
    let rangeShards: [Shard]
    let measureShards: [Shard]

    /// Images of the measure round at most, the first of those that correct.
    static let measuredImages = 8

    /// - Parameters:
    ///   - network: the folded float network.
    ///   - options: what decides the result.
    ///   - imageCount: images in the pool, at least 1; `options` counts are limited to it.
    ///   - inputRange: range of every input where it is known; nil takes them from the images.
    ///   - given: the network to correct, with the float network's graph; nil quantizes the float
    ///     network.
    ///   - fixedLayers: convolutions of `given`, by number, whose biases must not change.
    ///   - labels: index of the right logit of every image; only fine-tuning with cross-entropy
    ///     needs them.
    ///   - progress: from a checkpoint of the same job.
    /// - Throws: ``CalibrationError``, ``TuningError`` for options out of range, or
    ///   ``QuantizationError`` when a checkpoint's statistics cannot be quantized.
    package init(
        network: FloatNetwork, options: CalibrationOptions, imageCount: Int,
        inputRange: ActivationRange?, given: QuantizedNetwork? = nil, fixedLayers: Set<Int> = [],
        labels: [Int]? = nil,
        resuming progress: Progress = Progress()
    ) throws {
        guard imageCount > 0 else { throw CalibrationError(.noImages) }
        guard (0..<imageCount).contains(options.guardImages ?? 0) else {
            throw CalibrationError(.guardImages(options.guardImages ?? 0, pool: imageCount))
        }
        precondition(given.map { $0.graph == network.graph } ?? true)
        try given?.validate(acceptsBiases: true)
        try options.tuning?.validate()
        if options.tuning?.loss == .crossEntropy {
            guard network.graph.outputs.count == 1 else {
                throw CalibrationError(.labelledOutputs(network.graph.outputs.count))
            }
            let classes = network.graph.outputCount
            guard let labels, labels.count == imageCount else {
                throw CalibrationError(.target(image: labels?.count ?? 0))
            }
            if let image = labels.firstIndex(where: { !(0..<classes).contains($0) }) {
                throw CalibrationError(.target(image: image))
            }
        }
        self.labels = labels
        self.imageCount = imageCount
        original = network
        self.network = network
        self.options = options
        self.inputRange = inputRange
        self.given = given
        self.fixedLayers = fixedLayers
        self.progress = progress
        let ranges = min(options.rangeImages, imageCount)
        let corrections = min(
            options.correctionImages, imageCount - (options.guardImages ?? 0))
        statisticsShards = Shard.cut(
            count: max(ranges, corrections), size: options.shardImages,
            boundaries: [ranges, corrections, min(Self.measuredImages, corrections)])
        correctionShards = Shard.cut(count: corrections, size: options.shardImages)
        rangeShards = Shard.cut(count: ranges, size: options.shardImages)
        measureShards = Shard.cut(
            count: min(Self.measuredImages, corrections), size: options.shardImages)
        try checkStages()
        if let statistics = progress.statistics, let measured = progress.measuredStatistics {
            try check(statistics)
            try check(measured)
            equalize()
            if progress.stage == .ranging { return }
            try quantize()
            try checkCorrections()
            try checkGuard()
            if progress.stage == .tuning || progress.tuning != nil { try startTuning() }
        }
    }

    /// The same job before its first round.
    package func restarted() throws -> CalibrationJob {
        try CalibrationJob(
            network: original, options: options, imageCount: imageCount, inputRange: inputRange,
            given: given, labels: labels)
    }

    /// The round to run next; nil when the job is finished.
    package var nextRound: Round? {
        switch progress.stage {
        case .statistics:
            Round(index: progress.rounds, kind: .statistics, shards: statisticsShards)
        case .ranging:
            Round(
                index: progress.rounds, kind: .histograms(edges: observedRanges),
                shards: rangeShards)
        case .guarding(let step):
            guardRound(step)
        case .correcting(let layer):
            Round(
                index: progress.rounds, kind: .layerSums(layer: layer, match: match(layer: layer)),
                shards: correctionShards)
        case .tuning:
            tuningRound
        case .measuring:
            Round(index: progress.rounds, kind: .measure, shards: measureShards)
        case .finished:
            nil
        }
    }

    /// Rounds this job takes at most, for progress displays.
    package var roundLimit: Int {
        let preparation = 1 + (options.range.usesHistogram ? 1 : 0)
        let corrections = options.correction == nil ? 0 : network.graph.convolutions.count
        return preparation + 1 + corrections + tuningRoundLimit + guardRoundLimit
    }

    /// Consumes the results of ``nextRound``, in shard order.
    package mutating func complete(_ results: [[UInt8]]) throws {
        switch progress.stage {
        case .statistics:
            try completeStatistics(results)
        case .ranging:
            try completeRanging(results)
        case .guarding(let step):
            try completeGuard(step, results)
        case .correcting(let layer):
            try completeCorrection(layer: layer, results)
        case .tuning:
            try completeTuning(results)
        case .measuring:
            let channels = ChannelLayout(network.graph, convolutionsOnly: true).total
            var errors = ErrorSums(channels: channels)
            for result in results { errors.add(try ErrorSums(payload: result, channels: channels)) }
            progress.errors = errors
            progress.stage = .finished
        case .finished:
            preconditionFailure("no round is open")
        }
        progress.rounds += 1
    }

    /// All layers have had their turn.
    mutating func finishCorrection() throws {
        guard options.tuning != nil, !network.graph.convolutions.isEmpty else {
            progress.stage = .measuring
            return
        }
        progress.stage = .tuning
        try startTuning()
    }

    // MARK: Checks of a checkpoint

    private func check(_ statistics: NetworkStatistics) throws(CalibrationError) {
        guard statistics.sumsBefore.count == ChannelLayout(network.graph).total,
            statistics.inputs.count == network.graph.inputs.count
        else {
            throw CalibrationError(.checkpointMismatch(field: "number of channels"))
        }
    }

    /// Whether what the stages so far have left is there, and nothing else.
    private func checkStages() throws(CalibrationError) {
        let stage = progress.stage
        func require(_ isThere: Bool, _ belongs: Bool, _ field: String) throws(CalibrationError) {
            guard isThere == belongs else {
                throw CalibrationError(.checkpointMismatch(field: field))
            }
        }
        try require(progress.statistics != nil, stage != .statistics, "statistics")
        try require(
            progress.measuredStatistics != nil, stage != .statistics, "measured statistics")
        try require(
            progress.ranges != nil,
            options.range.usesHistogram && progress.statistics != nil && stage != .ranging, "ranges"
        )
        guard progress.ranges.map({ $0.count == network.graph.nodes.count }) ?? true,
            stage != .ranging || options.range.usesHistogram
        else { throw CalibrationError(.checkpointMismatch(field: "ranges")) }
    }

    private func checkCorrections() throws(CalibrationError) {
        let nodes = network.graph.convolutions
        let widths = nodes.map { network.graph.nodes[$0].shape.channels }
        guard let biases = progress.biases, biases.layers.map(\.count) == widths else {
            throw CalibrationError(.checkpointMismatch(field: "biases"))
        }
        guard progress.corrections.count <= nodes.count,
            zip(progress.corrections, widths).allSatisfy({
                $0.residual.isEmpty || $0.residual.count == $1
            })
        else { throw CalibrationError(.checkpointMismatch(field: "corrections")) }
        if case .correcting(let layer) = progress.stage, !nodes.indices.contains(layer) {
            throw CalibrationError(.checkpointMismatch(field: "layer in work"))
        }
    }
}

extension CalibrationJob {
    /// The biases reached so far; nil until the network is quantized.
    package var biases: BiasState? {
        progress.guarding?.rejectsTuning == true
            ? progress.biases : tuning?.biases ?? progress.biases
    }

    /// The network with the biases reached so far.
    package var result: QuantizedNetwork? {
        guard let quantized, let biases else { return nil }
        return quantized.replacingBiases(biases)
    }
}
