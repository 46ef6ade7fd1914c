import ArgumentParser
import Settings

/// Flags of `calibrate` and `coordinator`, which override the configuration file.
struct ConfigurationFlags: ParsableArguments {
    @Option(help: ArgumentHelp("Float model.", valueName: "M.onnx"))
    var model: String?

    @Option(help: ArgumentHelp("Folder of unlabeled images (.jpg, .png, .npy).", valueName: "DIR"))
    var images: String?

    @Option(help: ArgumentHelp("Folder of the results.", valueName: "OUT"))
    var out: String?

    @Option(help: ArgumentHelp("Configuration; flags override it.", valueName: "FILE.yaml"))
    var config: String?

    @Option(help: "Bias correction: none or ibc. Default: ibc.")
    var method: String?

    @Option(help: "Use the first N images of the sorted folder. Default: all.")
    var limit: Int?

    @Option(help: "Images behind activation ranges. Default: 64.")
    var rangeImages: Int?

    @Option(help: "Images behind bias correction. Default: 8.")
    var ibcImages: Int?

    @Option(help: "One weight scale per tensor or per channel.")
    var granularity: WeightGranularity?

    @Option(help: "Weights symmetric (int8) or asymmetric (uint8).")
    var weights: WeightScheme?

    @Option(help: "Match means pre or post activation.")
    var match: MatchPoint?

    @Flag(help: "Keep channels that never vary on the calibration images.")
    var keepDeadChannels = false

    @Flag(help: "Skip and list images that cannot be read, instead of stopping.")
    var skipBadImages = false

    @Flag(help: "Continue from the checkpoint in OUT, if there is one.")
    var resume = false

    @Flag(help: "Print the result as one JSON object.")
    var json = false

    @OptionGroup var logging: LoggingFlags

    /// - Returns: file and flags merged, every default filled in.
    func resolved(workers: Int? = nil, threads: Int? = nil, listen: String? = nil) throws
        -> Configuration
    {
        var flags = PartialConfiguration()
        flags.model = model
        flags.images = images
        flags.out = out
        if let method {
            guard let methods = CorrectionMethods(method) else {
                throw ValidationError("--method must be none or ibc, not '\(method)'")
            }
            flags.method = methods
        }
        flags.limit = limit
        flags.rangeImages = rangeImages
        flags.ibcImages = ibcImages
        flags.weightGranularity = granularity
        flags.weightScheme = weights
        flags.match = match
        if keepDeadChannels { flags.removeDeadChannels = false }
        if skipBadImages { flags.skipBadImages = true }
        flags.workers = workers
        flags.threads = threads
        flags.listen = listen
        let file = try config.map { try PartialConfiguration(contentsOf: $0) }
        return try (file ?? PartialConfiguration()).merging(flags: flags).resolved()
    }
}

extension WeightGranularity: ExpressibleByArgument {}
extension WeightScheme: ExpressibleByArgument {}
extension MatchPoint: ExpressibleByArgument {}
