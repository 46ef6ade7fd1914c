// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import Quantization

/// Every choice that decides the bits of a calibration, besides the network and the images.
package struct CalibrationOptions: Hashable, Sendable, Codable {
    /// Types, symmetry and granularity of weights and activations.
    package var scheme: QuantizationScheme
    /// How activation ranges are taken from the float network's values.
    package var range: RangeEstimator
    /// Nil leaves the channels' scales as they are.
    package var equalization: EqualizationMethod?
    /// Whether channels that are constant over all range images are taken out where that narrows
    /// their layer's weight scale.
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

    /// Memberwise; counts above the images at hand are cut down by the job.
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

extension CalibrationOptions {
    /// Images that corrections may use, the first of the pool; not above 0 where all are held out.
    package func correctableImages(of pool: Int) -> Int { pool - (guardImages ?? 0) }

    /// The images of fine-tuning in their order.
    /// - Parameter pool: images in the job's pool.
    /// - Returns: nil without fine-tuning, without an image for it, and for options out of range.
    package func tuningOrder(pool: Int) -> DataOrder? {
        guard let tuning else { return nil }
        let images = min(tuning.images, correctableImages(of: pool))
        guard images > 0, tuningShardImages > 0, tuning.batch > 0,
            (0..<1).contains(tuning.validationShare)
        else { return nil }
        return DataOrder(
            images: images, seed: tuning.seed, validationShare: tuning.validationShare,
            groupImages: tuningShardImages, batch: tuning.batch, mirrors: tuning.mirrors)
    }
}

/// Calibration as a value: emits rounds, consumes their results, knows nothing of workers.
///
/// Statistics → equalization, if wanted → histograms where ranges need them → quantization → one
/// round per convolution in topological order → fine-tuning → measurement, each a ``Stage``. The
/// state after any round is a ``Progress``, from which a new job goes on with the same bits.
package struct CalibrationJob: Sendable {
    /// What has to survive between rounds.
    package struct Progress: Hashable, Sendable {
        /// The stage whose turn it is.
        package var place = Place.statistics
        /// Rounds completed.
        package var rounds = 0
        /// Of all convolutions, in front of fine-tuning; nil until the network is quantized.
        package var biases: BiasState?
        /// Empty stands for those of the job, in front of the first round.
        var stages: [JobStage] = []

        /// In front of the first round.
        package init() {}
    }

    var context: JobContext
    private var stages: [JobStage]
    /// The stage whose turn it is; nil when all are done.
    private var turn: Int?
    private var rounds: Int

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
        if options.tuning != nil { try network.graph.checkPooledValues() }
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
        context = JobContext(
            network: network, options: options, imageCount: imageCount, inputRange: inputRange,
            given: given, fixedLayers: fixedLayers, labels: labels)
        stages = [JobStage](for: options)
        rounds = progress.rounds
        if !progress.stages.isEmpty { try resume(progress) }
        try findTurn()
        guard place == progress.place else {
            throw CalibrationError(.checkpointMismatch(field: "stage"))
        }
    }

    private mutating func resume(_ progress: Progress) throws {
        guard progress.stages.names == stages.names else {
            throw CalibrationError(.checkpointMismatch(field: "list of stages"))
        }
        stages = progress.stages
        context.biases = progress.biases
        context.changes = stages.flatMap(\.value.changes)
        for index in stages.indices { try stages[index].update { try $0.resume(&context) } }
        guard context.biases == nil || context.quantized != nil else {
            throw CalibrationError(.checkpointMismatch(field: "biases"))
        }
    }

    /// The first stage that has something to do is next.
    private mutating func findTurn() throws {
        context.changes = stages.flatMap(\.value.changes)
        turn = nil
        for index in stages.indices {
            try stages[index].update { try $0.prepare(&context) }
            if stages[index].value.nextRound(context) != nil {
                turn = index
                return
            }
        }
    }

    /// The same job before its first round.
    package func restarted() throws -> CalibrationJob {
        try CalibrationJob(
            network: original, options: options, imageCount: context.imageCount,
            inputRange: inputRange, given: given, fixedLayers: fixedLayers, labels: context.labels)
    }

    /// The round to run next; nil when the job is finished.
    package var nextRound: Round? {
        turn.flatMap { stages[$0].value.nextRound(context) }.map {
            Round(index: rounds, kind: $0.kind, shards: $0.shards)
        }
    }

    /// Rounds this job takes at most, for progress displays.
    package var roundLimit: Int { stages.reduce(0) { $0 + $1.value.roundLimit(context) } }

    /// Consumes the results of ``nextRound``, in shard order.
    package mutating func complete(_ results: [[UInt8]]) throws {
        guard let turn else { preconditionFailure("no round is open") }
        try stages[turn].update { try $0.complete(results, &context) }
        rounds += 1
        try findTurn()
    }

    private var place: Place { turn.map { stages[$0].value.place(context) } ?? .finished }

    /// What a checkpoint has to hold, as of now.
    package var progress: Progress {
        var progress = Progress()
        progress.place = place
        progress.rounds = rounds
        progress.biases = context.biases
        progress.stages = stages
        return progress
    }

    /// What a stage knows; nil if the job does not have it.
    subscript<Kind: Stage>(stage kind: Kind.Type) -> Kind? { stages[kind] }

    /// Whether it is the turn of a stage.
    func isTurn<Kind: Stage>(of kind: Kind.Type) -> Bool {
        turn.map { stages[$0].value is Kind } ?? false
    }
}

extension CalibrationJob {
    /// The network as given, which rounds run.
    package var original: FloatNetwork { context.original }
    /// The network that is quantized, and that corrections compare with: the given one, or the same
    /// function with other scales.
    package var network: FloatNetwork { context.network }
    /// Of that network, once known.
    package var statistics: NetworkStatistics? { context.statistics }
    /// Its sums over the measured images alone.
    package var measuredStatistics: NetworkStatistics? { context.measuredStatistics }
    /// What equalization did, once it is done.
    package var equalization: Equalization? { context.equalization }
    /// As they were given, counts not cut down.
    package var options: CalibrationOptions { context.options }
    /// Known range of the input, for images that arrive as pixels.
    package var inputRange: ActivationRange? { context.inputRange }
    /// A quantization made elsewhere, of the same graph: only its biases change.
    package var given: QuantizedNetwork? { context.given }
    /// Convolutions of it whose biases are constants that stay, in topological order from 0.
    var fixedLayers: Set<Int> { context.fixedLayers }
    /// Channels that were taken out before quantization; empty before, and for a given network.
    package var deadChannels: [DeadChannels] { context.deadChannels }
    /// The integer network with its initial biases, once ranges are known.
    package var quantized: QuantizedNetwork? { context.quantized }
    /// Layers whose sums can saturate where processors add two products in 16 bits, on images like
    /// those of calibration.
    package var saturatingLayers: [String] { context.saturatingLayers }
    /// Ranges of all nodes from smallest to largest value.
    var observedRanges: [ActivationRange] { context.observedRanges }

    /// Fine-tuning, once it has started.
    package var tuning: FineTuning? { self[stage: Tuning.self]?.process }

    /// The biases reached so far; nil until the network is quantized.
    package var biases: BiasState? {
        self[stage: HeldOutCheck.self]?.rejectsTuning == true
            ? context.biases : tuning?.biases ?? context.biases
    }

    /// The network with the biases reached so far.
    package var result: QuantizedNetwork? {
        guard let quantized, let biases else { return nil }
        return quantized.replacingBiases(biases)
    }

    /// What fine-tuning did; nil without it, and while it runs.
    var tuningSummary: TuningSummary? {
        guard let tuning, let start = context.biases else { return nil }
        return TuningSummary(tuning, from: start)
    }

    /// What the held-out check did; nil without one.
    package var heldOutSummary: HeldOutSummary? {
        self[stage: HeldOutCheck.self].flatMap { HeldOutSummary($0, context) }
    }
}
