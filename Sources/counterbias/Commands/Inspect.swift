// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import NetworkGraph
import ONNXImport
import ONNXModel
import QDQ
import Settings

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a float model's folded graph: layers, shapes, parameters, MACs.",
        discussion: """
            Exit codes: 0 the model can be calibrated; 65 it cannot be read or exported: everything that stands in the way is \
            listed by kind, with the number of nodes and the first of them.
            """)

    @Argument(help: ArgumentHelp("Float model.", valueName: "M.onnx"))
    var model: String

    @Option(help: InputShapes.help)
    var inputShape: InputShapes?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try reportingFailures {
            let network: FloatNetwork
            do {
                network = try ONNXImporter.loadFloatNetwork(
                    path: model, inputShapes: inputShape?.extents ?? [:])
            } catch let error as ONNXError {
                if json { try Console.print(json: Refusal(error)) }
                throw error
            }
            let summary = GraphSummary(network.graph)
            if json { try Console.print(json: summary) } else { Console.print(summary.table) }
            try QDQModel.checkWritable(network.graph, file: model)
        }
    }
}

/// What `inspect --json` prints of a model that cannot be read.
private struct Refusal: Encodable {
    var error: String
    /// By kind in the order of the file; empty where the file itself is damaged.
    var obstacles: [ONNXError.Obstacle]

    init(_ error: ONNXError) {
        self.error = "\(error)"
        obstacles = error.obstacles
    }
}
