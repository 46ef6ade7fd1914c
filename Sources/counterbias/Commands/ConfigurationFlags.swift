// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Calibrating
import Calibration
import Cluster
import Logging
import Quantization
import Settings

/// Flags of `calibrate` and `coordinator`, which override the configuration file.
struct ConfigurationFlags: ParsableArguments {
    @Option(help: ArgumentHelp("Float model.", valueName: "M.onnx"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Correct this 8-bit QDQ model of it, instead of quantizing.", valueName: "THEIRS.onnx"))
    var quantized: String?

    @Option(help: InputShapes.help)
    var inputShape: InputShapes?

    @Option(help: ArgumentHelp("Folder of unlabeled images (.jpg, .png, .npy).", valueName: "DIR"))
    var images: String?

    @Option(help: ArgumentHelp("Folder of the results.", valueName: "OUT"))
    var out: String?

    @Option(help: ArgumentHelp("Configuration; flags override it.", valueName: "FILE.yaml"))
    var config: String?

    @Option(help: "Bias correction: none, ibc, bft or ibc,bft. Default: ibc.")
    var method: String?

    @Option(help: "Use the first N images of the sorted folder. Default: all.")
    var limit: Int?

    @Option(help: "Images behind activation ranges. Default: 64.")
    var rangeImages: Int?

    @Option(help: "Images behind bias correction. Default: 64.")
    var ibcImages: Int?

    @Option(
        help:
            "Images that a worker gets at a time: more for less traffic, fewer for many workers. Default: 2."
    )
    var shardImages: Int?

    @Option(
        name: .customLong("guard"),
        help: ArgumentHelp(
            "Hold the last N images out of corrections, and take back what makes them worse.",
            valueName: "N"))
    var guardImages: Int?

    @Option(help: "Images behind fine-tuning, split for validation. Default: 1000.")
    var bftImages: Int?

    @Option(help: "Passes of fine-tuning over its images. Default: 2 after IBC, 6 without.")
    var epochs: Int?

    @Option(help: "Images per step of fine-tuning. Default: 8.")
    var batch: Int?

    @Option(
        help:
            "Step of fine-tuning, in output steps of each layer. Default: 0.012 after IBC; without 0.3, per channel 0.1."
    )
    var learningRate: Double?

    @Option(help: "Optimizer of fine-tuning.")
    var optimizer: OptimizerKind?

    @Option(help: "Learning rate over time.")
    var schedule: ScheduleKind?

    @Option(help: "What fine-tuning compares logits by.")
    var loss: TuningOptions.Loss?

    @Option(help: "Order of the images in fine-tuning. Default: 1.")
    var seed: Int?

    @Option(
        help: ArgumentHelp(
            "Table of file,class_index for --loss cross-entropy.", valueName: "labels.csv"))
    var labels: String?

    @Option(help: "One weight scale per tensor or per output channel. Default: channel.")
    var granularity: Granularity?

    @Option(help: "Weights symmetric or asymmetric (uint8). Default: symmetric.")
    var weights: WeightSymmetry?

    @Option(
        help:
            "Type of symmetric weights: int8, uint8 around 128, or auto, the faster where it is as good. Default: auto."
    )
    var weightType: WeightStorage?

    @Option(
        help:
            "Keep int8 weights from saturating on x86 processors without VNNI, or allow it. Default: avoid."
    )
    var weightSaturation: WeightSaturation?

    @Option(help: "Bits per weight, 4 to 8. Default: 8.")
    var bits: Int?

    @Option(
        help:
            "Weight scales from the weights' range, or with the least error of weights or outputs.")
    var weightScale: WeightScaleEstimator?

    @Option(help: "Activation ranges: extrema, a percentile, or with the least squared error.")
    var range: RangeChoice?

    @Option(help: "Of --range percentile. Default: 99.99.")
    var percentile: Double?

    @Option(help: "Rescale channels before quantization. Default: none.")
    var equalize: EqualizationChoice?

    @Option(help: "Match means pre or post activation.")
    var match: Match?

    @Flag(help: "Keep channels that never vary on the calibration images.")
    var keepDeadChannels = false

    @Flag(help: "Keep the logits float, where a convolution or matrix product makes them.")
    var floatOutput = false

    @Flag(help: "Skip and list images that cannot be read, instead of stopping.")
    var skipBadImages = false

    @Option(
        help: ArgumentHelp(
            "Share of the work, 0 to 1, that a second worker repeats and compares. Default: 0.",
            valueName: "P"))
    var audit: Double?

    @Flag(help: "Continue from the checkpoint in OUT, if there is one.")
    var resume = false

    @Flag(help: "Print the result as one JSON object.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Serve Prometheus metrics on this loopback address.", valueName: "127.0.0.1:9464"))
    var metrics: String?

    @OptionGroup var logging: LoggingFlags

    /// Calibrates for whoever typed these flags.
    /// - Parameters:
    ///   - configuration: what they stand for.
    ///   - origin: where its preprocessing comes from.
    ///   - listener: where workers connect.
    ///   - stop: ends the job early, with a checkpoint.
    ///   - logger: told of events.
    /// - Throws: any module's error; the exit code follows from it.
    func calibrate(
        _ configuration: Configuration, _ origin: PreprocessingOrigin,
        listener: CoordinatorListener, stop: StopSignal, logger: Logger
    ) throws {
        _ = try configuration.outDirectory()
        logger.info("listening", metadata: ["endpoint": "\(listener.endpoint)"])
        let board = MetricsBoard(CoordinatorMetrics())
        if let metrics {
            try MetricsServer.start(metrics, logger: logger) { board.current.text }
        }
        try CalibrationRun(
            configuration: configuration, origin: origin, resumes: resume,
            command: ["counterbias"] + CommandLine.arguments.dropFirst(), logger: logger
        ).run(
            listener: listener, stop: stop, board: board,
            watcher: ProgressDisplay(quiet: logging.quiet, printsJSON: json, logger: logger))
    }

    /// - Returns: file and flags merged, every default filled in, and who said what of
    ///   preprocessing.
    func resolved(workers: Int? = nil, threads: Int? = nil, listen: String? = nil) throws
        -> (configuration: Configuration, origin: PreprocessingOrigin)
    {
        if let metrics { _ = try MetricsServer.address(metrics) }
        var flags = PartialConfiguration()
        try checkQuantized()
        flags.model = model
        flags.quantized = quantized
        flags.images = images
        flags.out = out
        flags.inputShape = inputShape
        if let method {
            guard let methods = CorrectionMethods(method) else {
                throw ValidationError(
                    "--method must be none, ibc, bft or ibc,bft, not '\(method)'")
            }
            flags.method = methods
        }
        flags.limit = limit
        flags.rangeImages = rangeImages
        flags.ibcImages = ibcImages
        flags.shardImages = shardImages
        flags.guardImages = guardImages
        flags.bftImages = bftImages
        flags.bftEpochs = epochs
        flags.bftBatch = batch
        flags.bftLearningRate = learningRate
        flags.bftOptimizer = optimizer
        flags.bftSchedule = schedule
        flags.bftLoss = loss
        flags.bftSeed = seed
        flags.labelsFile = labels
        flags.weightGranularity = granularity
        flags.weightScheme = weights
        flags.weightBits = bits
        flags.weightScale = weightScale
        flags.weightType = weightType
        flags.weightSaturation = weightSaturation
        flags.activationRange = range
        flags.activationPercentile = percentile
        flags.equalization = equalize
        flags.match = match
        if keepDeadChannels { flags.removeDeadChannels = false }
        if floatOutput { flags.outputQuantized = false }
        if skipBadImages { flags.skipBadImages = true }
        flags.audit = audit
        flags.workers = workers
        flags.threads = threads
        flags.listen = listen
        let file = try config.map { try PartialConfiguration(contentsOf: $0) }
        return (
            try (file ?? PartialConfiguration()).merging(flags: flags).resolved(),
            PreprocessingOrigin(file: file, path: config)
        )
    }
}

extension ConfigurationFlags {
    /// A given quantization leaves nothing to choose about weights and ranges.
    private func checkQuantized() throws {
        guard quantized != nil else { return }
        let others: [(flag: String, isGiven: Bool)] = [
            ("--range-images", rangeImages != nil), ("--granularity", granularity != nil),
            ("--weights", weights != nil), ("--bits", bits != nil),
            ("--weight-scale", weightScale != nil), ("--weight-type", weightType != nil),
            ("--weight-saturation", weightSaturation != nil), ("--range", range != nil),
            ("--percentile", percentile != nil), ("--equalize", equalize != nil),
            ("--keep-dead-channels", keepDeadChannels), ("--float-output", floatOutput),
        ]
        if let other = others.first(where: \.isGiven) {
            throw ValidationError(
                "\(other.flag) has no effect on the model that --quantized gives; leave it out"
                    + (other.flag == "--granularity"
                        ? " (to fine-tune a model with one scale per tensor without IBC, give --learning-rate 0.3)"
                        : ""))
        }
    }
}

extension InputShapes: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }

    /// Of the option, wherever a float model is read.
    static let help = ArgumentHelp(
        "Extents of an input that the model leaves open; several separated by commas.",
        valueName: "NAME=1x3x480x640")
}

extension Granularity: ExpressibleByArgument {}
extension WeightSymmetry: ExpressibleByArgument {}
extension WeightScaleEstimator: ExpressibleByArgument {}
extension WeightStorage: ExpressibleByArgument {}
extension WeightSaturation: ExpressibleByArgument {}
extension RangeChoice: ExpressibleByArgument {}
extension EqualizationChoice: ExpressibleByArgument {}
extension Match: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}
extension ScheduleKind: ExpressibleByArgument {}
extension TuningOptions.Loss: ExpressibleByArgument {}
