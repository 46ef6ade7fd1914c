package import NetworkGraph
package import Quantization

/// Every choice that decides the bits of a calibration, besides the network and the images.
package struct CalibrationOptions: Hashable, Sendable, Codable {
    package var scheme: QuantizationScheme
    package var removesDeadChannels: Bool
    /// Nil leaves the rounded biases as they are.
    package var correction: CorrectionOptions?
    /// Images behind the activation ranges.
    package var rangeImages: Int
    /// Images behind the means that bias correction matches.
    package var correctionImages: Int
    /// Images per shard.
    package var shardImages: Int
    /// Nil leaves out fine-tuning.
    package var tuning: TuningOptions?
    /// Images per shard of fine-tuning.
    package var tuningShardImages: Int

    package init(
        scheme: QuantizationScheme, removesDeadChannels: Bool, correction: CorrectionOptions?,
        rangeImages: Int, correctionImages: Int, shardImages: Int, tuning: TuningOptions? = nil,
        tuningShardImages: Int = 2
    ) {
        self.scheme = scheme
        self.removesDeadChannels = removesDeadChannels
        self.correction = correction
        self.rangeImages = rangeImages
        self.correctionImages = correctionImages
        self.shardImages = shardImages
        self.tuning = tuning
        self.tuningShardImages = tuningShardImages
    }
}

/// Calibration as a value: emits rounds, consumes their results, knows nothing of workers.
///
/// Statistics → quantization → one or more rounds per convolution in topological order → fine-tuning → measurement. The state after
/// any round is a ``Progress``, from which a new job goes on with the same bits.
package struct CalibrationJob: Sendable {
    /// What has to survive between rounds.
    package struct Progress: Hashable, Sendable {
        package enum Stage: Hashable, Sendable {
            /// → correcting, tuning, measuring
            case statistics
            /// Rounds of one convolution. → correcting (same or next layer), tuning, measuring
            case correcting(layer: Int)
            /// Rounds of fine-tuning. → measuring
            case tuning
            /// → finished
            case measuring
            case finished
        }

        package var stage: Stage = .statistics
        /// Rounds completed.
        package var rounds = 0
        package var statistics: NetworkStatistics?
        /// Biases of all convolutions in front of fine-tuning; nil until the network is quantized.
        package var biases: BiasState?
        /// One entry per convolution that has had its turn; the last may still be in work.
        package var corrections: [LayerCorrection] = []
        /// State of fine-tuning; nil until it starts.
        package var tuning: TuningProgress?
        /// The float network's logits, `[image][class]`, over the images of fine-tuning; empty until computed.
        package var teacher: [Float] = []
        package var errors: ErrorSums?

        package init() {}
    }

    package let network: FloatNetwork
    package let options: CalibrationOptions
    /// Known range of the input, for images that arrive as pixels.
    package let inputRange: ActivationRange?
    package internal(set) var progress: Progress
    package private(set) var deadChannels: [DeadChannels] = []
    /// The integer network with its initial biases, once ranges are known.
    package private(set) var quantized: QuantizedNetwork?
    /// Fine-tuning, once it has started.
    package internal(set) var tuning: TuningStage?
    /// Right logit of every image, for losses that need it.
    let labels: [Int]?
    let imageCount: Int

    /// Per convolution and channel, what a bias may not exceed.
    private(set) var biasLimits: [[Int64]] = []

    private let statisticsShards: [Shard]
    private let correctionShards: [Shard]

    /// - Parameters:
    ///   - network: the folded float network.
    ///   - options: what decides the result.
    ///   - imageCount: images in the pool, at least 1; `options` counts are limited to it.
    ///   - inputRange: range of the input where it is known; nil takes it from the images.
    ///   - labels: index of the right logit of every image; only fine-tuning with cross-entropy needs them.
    ///   - progress: from a checkpoint of the same job.
    /// - Throws: ``CalibrationError``, ``TuningError`` for options out of range, or ``QuantizationError`` when a checkpoint's statistics
    ///   cannot be quantized.
    package init(
        network: FloatNetwork, options: CalibrationOptions, imageCount: Int,
        inputRange: ActivationRange?, labels: [Int]? = nil, resuming progress: Progress = Progress()
    ) throws {
        guard imageCount > 0 else { throw CalibrationError(.noImages) }
        try options.tuning?.validate()
        if options.tuning?.loss == .crossEntropy {
            let classes = network.graph.shape(of: network.graph.output.value).count
            guard let labels, labels.count == imageCount else {
                throw CalibrationError(.target(image: labels?.count ?? 0))
            }
            if let image = labels.firstIndex(where: { !(0..<classes).contains($0) }) {
                throw CalibrationError(.target(image: image))
            }
        }
        self.labels = labels
        self.imageCount = imageCount
        self.network = network
        self.options = options
        self.inputRange = inputRange
        self.progress = progress
        let ranges = min(options.rangeImages, imageCount)
        let corrections = min(options.correctionImages, imageCount)
        statisticsShards = Shard.cut(
            count: max(ranges, corrections), size: options.shardImages,
            boundaries: [ranges, corrections])
        correctionShards = Shard.cut(count: corrections, size: options.shardImages)
        if let statistics = progress.statistics {
            try check(statistics)
            try quantize(statistics)
            try checkCorrections()
            if progress.stage == .tuning || progress.tuning != nil { try startTuning() }
        }
    }

    /// The same job before its first round.
    package func restarted() throws -> CalibrationJob {
        try CalibrationJob(
            network: network, options: options, imageCount: imageCount, inputRange: inputRange,
            labels: labels)
    }

    /// The round to run next; nil when the job is finished.
    package var nextRound: Round? {
        switch progress.stage {
        case .statistics:
            Round(index: progress.rounds, kind: .statistics, shards: statisticsShards)
        case .correcting(let layer):
            Round(
                index: progress.rounds, kind: .layerSums(layer: layer, match: match(layer: layer)),
                shards: correctionShards)
        case .tuning:
            tuningRound
        case .measuring:
            Round(index: progress.rounds, kind: .measure, shards: correctionShards)
        case .finished:
            nil
        }
    }

    /// Rounds this job takes at most, for progress displays.
    package var roundLimit: Int {
        let perLayer =
            options.correction.map { $0.match == .pre ? 1 : $0.iterations + 1 } ?? 0
        return 2 + perLayer * network.graph.convolutions.count + tuningRoundLimit
    }

    /// Consumes the results of ``nextRound``, in shard order.
    package mutating func complete(_ results: [[UInt8]]) throws {
        switch progress.stage {
        case .statistics:
            try completeStatistics(results)
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

    // MARK: Statistics

    private mutating func completeStatistics(_ results: [[UInt8]]) throws {
        let channels = ChannelLayout(network.graph).total
        var total = NetworkStatistics(channels: channels)
        let ranges = options.rangeImages
        for (shard, payload) in zip(statisticsShards, results) {
            let statistics = try NetworkStatistics(payload: payload, channels: channels)
            if shard.images.allSatisfy({ $0 < ranges }) { total.widen(statistics) }
            if shard.images.allSatisfy({ $0 < options.correctionImages }) {
                total.addSums(statistics)
            }
        }
        progress.statistics = total
        try quantize(total)
        progress.biases = quantized.map(BiasState.init(of:))
        if options.correction != nil, !network.graph.convolutions.isEmpty {
            progress.stage = .correcting(layer: 0)
        } else {
            try finishCorrection()
        }
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

    private mutating func quantize(_ statistics: NetworkStatistics) throws {
        let extrema = statistics.extrema(network.graph)
        var reduced = network
        if options.removesDeadChannels {
            deadChannels = DeadChannels.find(in: network, extrema: extrema, scheme: options.scheme)
            DeadChannels.remove(deadChannels, from: &reduced)
        }
        let range =
            inputRange
            ?? ActivationRange(lower: statistics.inputLower, upper: statistics.inputUpper)
        let network = try QuantizedNetwork(
            quantizing: reduced, inputRange: range, extrema: extrema, scheme: options.scheme)
        biasLimits = network.graph.convolutions.compactMap { node in
            guard let parameters = network.parameters[node],
                let input = network.activations[network.graph.nodes[node].inputs[0]]
            else { return nil }
            return BiasQuantization.limits(
                parameters: parameters, inputZeroPoint: input.unsignedZeroPoint)
        }
        quantized = network
    }

    // MARK: Checks of a checkpoint

    private func check(_ statistics: NetworkStatistics) throws(CalibrationError) {
        guard statistics.sumsBefore.count == ChannelLayout(network.graph).total else {
            throw CalibrationError(.checkpointMismatch(field: "number of channels"))
        }
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
    package var biases: BiasState? { tuning?.biases ?? progress.biases }

    /// The network with the biases reached so far.
    package var result: QuantizedNetwork? {
        guard let quantized, let biases else { return nil }
        return quantized.replacingBiases(biases)
    }
}
