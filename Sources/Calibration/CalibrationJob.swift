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

    package init(
        scheme: QuantizationScheme, removesDeadChannels: Bool, correction: CorrectionOptions?,
        rangeImages: Int, correctionImages: Int, shardImages: Int
    ) {
        self.scheme = scheme
        self.removesDeadChannels = removesDeadChannels
        self.correction = correction
        self.rangeImages = rangeImages
        self.correctionImages = correctionImages
        self.shardImages = shardImages
    }
}

/// Calibration as a value: emits rounds, consumes their results, knows nothing of workers.
///
/// Statistics → quantization → one or more rounds per convolution in topological order → measurement. The state after any round is a
/// ``Progress``, from which a new job goes on with the same bits.
package struct CalibrationJob: Sendable {
    /// What has to survive between rounds.
    package struct Progress: Hashable, Sendable {
        package enum Stage: Hashable, Sendable {
            /// → correcting, measuring
            case statistics
            /// Rounds of one convolution. → correcting (same or next layer), measuring
            case correcting(layer: Int)
            /// → finished
            case measuring
            case finished
        }

        package var stage: Stage = .statistics
        /// Rounds completed.
        package var rounds = 0
        package var statistics: NetworkStatistics?
        /// Biases of all convolutions; nil until the network is quantized.
        package var biases: BiasState?
        /// One entry per convolution that has had its turn; the last may still be in work.
        package var corrections: [LayerCorrection] = []
        package var errors: ErrorSums?

        package init() {}
    }

    package let network: FloatNetwork
    package let options: CalibrationOptions
    /// Known range of the input, for images that arrive as pixels.
    package let inputRange: ActivationRange?
    package private(set) var progress: Progress
    package private(set) var deadChannels: [DeadChannels] = []
    /// The integer network with its initial biases, once ranges are known.
    package private(set) var quantized: QuantizedNetwork?

    /// Per convolution and channel, what a bias may not exceed.
    private var biasLimits: [[Int64]] = []

    private let statisticsShards: [Shard]
    private let correctionShards: [Shard]

    /// - Parameters:
    ///   - network: the folded float network.
    ///   - options: what decides the result.
    ///   - imageCount: images in the pool, at least 1; `options` counts are limited to it.
    ///   - inputRange: range of the input where it is known; nil takes it from the images.
    ///   - progress: from a checkpoint of the same job.
    /// - Throws: ``CalibrationError``, or ``QuantizationError`` when a checkpoint's statistics cannot be quantized.
    package init(
        network: FloatNetwork, options: CalibrationOptions, imageCount: Int,
        inputRange: ActivationRange?, resuming progress: Progress = Progress()
    ) throws {
        guard imageCount > 0 else { throw CalibrationError(.noImages) }
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
        }
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
        case .measuring:
            Round(index: progress.rounds, kind: .measure, shards: correctionShards)
        case .finished:
            nil
        }
    }

    /// Rounds this job takes at most, for progress displays.
    package var roundLimit: Int {
        guard let correction = options.correction else { return 2 }
        let perLayer = correction.match == .pre ? 1 : correction.iterations + 1
        return 2 + perLayer * network.graph.convolutions.count
    }

    /// Consumes the results of ``nextRound``, in shard order.
    package mutating func complete(_ results: [[UInt8]]) throws {
        switch progress.stage {
        case .statistics:
            try completeStatistics(results)
        case .correcting(let layer):
            try completeCorrection(layer: layer, results)
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
        let corrects = options.correction != nil && !network.graph.convolutions.isEmpty
        progress.stage = corrects ? .correcting(layer: 0) : .measuring
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

    // MARK: Correction

    /// Every layer starts with the closed form; matching behind the activation then iterates from there.
    private func match(layer: Int) -> Match {
        progress.corrections.count == layer ? .pre : .post
    }

    private func iterates(layer: Int) -> Bool {
        let node = network.graph.convolutions[layer]
        return options.correction?.match == .post && quantized?.activations[node + 1] != nil
    }

    private func corrector(layer: Int, match: Match) -> LayerCorrector? {
        let node = network.graph.convolutions[layer]
        guard let quantized, let statistics = progress.statistics,
            let parameters = quantized.parameters[node],
            let input = quantized.activations[network.graph.nodes[node].inputs[0]]
        else { return nil }
        let layout = ChannelLayout(network.graph)
        let sums = match == .pre ? statistics.sumsBefore : statistics.sumsAfter
        let count = Double(statistics.sumImages * network.graph.nodes[node].shape.pixels)
        var means = sums[layout.range(node)].map { $0 / count }
        // A removed channel outputs its constant on every pixel; that is what it has to match.
        if let dead = deadChannels.first(where: { $0.node == node }) {
            for (channel, constant) in zip(dead.channels, dead.constants) {
                means[channel] = Double(constant)
            }
        }
        return LayerCorrector(
            parameters: parameters, input: input, output: quantized.activations[node + 1],
            count: count, floatMeans: means, limits: biasLimits[layer])
    }

    private mutating func completeCorrection(layer: Int, _ results: [[UInt8]]) throws {
        let match = match(layer: layer)
        guard let corrector = corrector(layer: layer, match: match),
            let options = options.correction,
            let biases = progress.biases?.layers[layer]
        else { preconditionFailure("correction without a quantized network") }
        var sums = [Int64](repeating: 0, count: biases.count)
        for payload in results {
            var reader = PayloadReader(payload)
            let shard = try reader.read(Int64.self, count: sums.count)
            try reader.finish()
            for channel in sums.indices { sums[channel] &+= shard[channel] }
        }
        switch match {
        case .pre:
            let shift = corrector.shiftBefore(sums: sums, biases: biases)
            let (corrected, overflowing) = corrector.corrected(biases, shift: shift)
            progress.biases?.layers[layer] = corrected
            let isDone = !iterates(layer: layer)
            progress.corrections.append(
                LayerCorrection(
                    rounds: 1,
                    residual: isDone ? corrector.shiftBefore(sums: sums, biases: corrected) : [],
                    overflowing: overflowing))
            if isDone { finish(layer: layer) }
        case .post:
            iterate(layer: layer, shift: corrector.shiftAfter(sums: sums), corrector, options)
        }
    }

    /// One iteration behind the activation: done when the shift just measured is small enough or iterations are used up. What the last
    /// one leaves is seen by the measure round, which costs no further round per layer.
    private mutating func iterate(
        layer: Int, shift: [Double], _ corrector: LayerCorrector, _ options: CorrectionOptions
    ) {
        guard let biases = progress.biases?.layers[layer] else { return }
        progress.corrections[layer].rounds += 1
        let step = Double(corrector.output?.scale ?? 1)
        if shift.allSatisfy({ abs($0) <= options.tolerance * step }) {
            finish(layer: layer)
            return
        }
        let (corrected, overflowing) = corrector.corrected(biases, shift: shift)
        progress.corrections[layer].overflowing = overflowing
        progress.biases?.layers[layer] = corrected
        if corrected == biases || progress.corrections[layer].rounds > options.iterations {
            finish(layer: layer)
        }
    }

    private mutating func finish(layer: Int) {
        let next = layer + 1
        progress.stage =
            next < network.graph.convolutions.count ? .correcting(layer: next) : .measuring
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
    /// The network with the biases reached so far.
    package var result: QuantizedNetwork? {
        guard let quantized, let biases = progress.biases else { return nil }
        return quantized.replacingBiases(biases)
    }
}
