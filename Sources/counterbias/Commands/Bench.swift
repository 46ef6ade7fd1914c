// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Benchmarking
import ONNXImport
import Settings

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure how many images per second each executor takes on this machine.",
        discussion: """
            Random input, no image files. Measurements alternate; the figure is the median over the repetitions, \
            each of which lasts about a fifth of a second. The 8-bit network has the default scheme, its \
            ranges come from the same random input. "backward" is the backward pass of bias fine-tuning alone, \
            "training" its forward and its backward pass. The peak is that of a loop in registers alone with the \
            arithmetic of the kernels. --layers adds a table of the nodes of both forward passes on one thread: \
            median time, operations per second (two per multiplication with a weight), their share of the peak, \
            and the bytes of weights, operands and results.
            """)

    @Option(help: ArgumentHelp("Float model.", valueName: "M.onnx"))
    var model: String

    @Option(help: "Compute threads; they split images.")
    var threads = 1

    @Option(help: "Measurements per executor.")
    var repetitions = 9

    @Flag(help: "Time every layer too.")
    var layers = false

    @Option(help: InputShapes.help)
    var inputShape: InputShapes?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (1...1024).contains(threads) else {
            throw ValidationError("--threads must be 1 to 1024")
        }
        guard (1...1000).contains(repetitions) else {
            throw ValidationError("--repetitions must be 1 to 1000")
        }
    }

    func run() throws {
        try reportingFailures {
            let network = try ONNXImporter.loadFloatNetwork(
                path: model, inputShapes: inputShape?.extents ?? [:])
            let run = try ThroughputRun(network, threads: threads)
            let report = run.report(repetitions: repetitions, timesLayers: layers)
            if json { try Console.print(json: report) } else { Console.print(report.text) }
        }
    }
}
