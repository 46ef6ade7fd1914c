// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Evaluating
import Foundation
import ONNXImport
import QDQ
import Settings

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare a float model with its exported 8-bit model on images.")

    @Option(help: ArgumentHelp("Float model.", valueName: "M.onnx"))
    var model: String

    @Option(help: ArgumentHelp("8-bit QDQ model.", valueName: "M.int8.onnx"))
    var quantized: String

    @Option(help: InputShapes.help)
    var inputShape: InputShapes?

    @Option(help: ArgumentHelp("Folder of images.", valueName: "DIR"))
    var images: String

    @Option(help: ArgumentHelp("Table of file,class_index for top-1.", valueName: "labels.csv"))
    var labels: String?

    @Option(
        help: ArgumentHelp(
            "Configuration: preprocessing (default: the 8-bit model's own) and label offset.",
            valueName: "FILE.yaml"))
    var config: String?

    @Option(help: "Use the first N images of the sorted folder. Default: all.")
    var limit: Int?

    @Option(help: "Compute threads. Default: all cores.")
    var threads: Int?

    @Flag(help: "Skip and list images that cannot be read, instead of stopping.")
    var skipBadImages = false

    @Option(
        help: ArgumentHelp(
            "Write input, every 8-bit activation and the logits of the first images.",
            valueName: "FILE.safetensors"))
    var trace: String?

    @Option(help: "Images in the trace.")
    var traceImages = 4

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var logging: LoggingFlags

    func run() throws {
        try reportingFailures {
            var flags = PartialConfiguration()
            flags.model = model
            flags.images = images
            flags.inputShape = inputShape
            flags.labelsFile = labels
            if skipBadImages { flags.skipBadImages = true }
            let file = try config.map { try PartialConfiguration(contentsOf: $0) }
            let configuration = try (file ?? PartialConfiguration()).merging(flags: flags)
                .resolved(requiringOut: false)
            let cores = ProcessInfo.processInfo.activeProcessorCount
            let logger = logging.logger("counterbias")
            let run = EvaluationRun(
                configuration: configuration,
                origin: PreprocessingOrigin(file: file, path: config),
                network: try ONNXImporter.loadFloatNetwork(
                    path: model, inputShapes: configuration.inputShape?.extents ?? [:]),
                contents: try QDQModel.read(path: quantized), quantizedPath: quantized,
                limit: limit, threads: max(threads ?? cores, 1), logger: logger)
            let display = EvaluationDisplay(quiet: logging.quiet, logger: logger)
            let report = try {
                defer { StatusLine.clear() }
                return try run.run(
                    trace: trace.map { ($0, traceImages) },
                    progress: { display.show(done: $0, of: $1) },
                    warn: { display.warn($0) })
            }()
            if json { try Console.print(json: report) } else { Console.print(report.table) }
        }
    }
}
