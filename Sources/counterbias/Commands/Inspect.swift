import ArgumentParser
import NetworkGraph
import ONNXFormat

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a float model's folded graph: layers, shapes, parameters, MACs.")

    @Argument(help: ArgumentHelp("Float model.", valueName: "M.onnx"))
    var model: String

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try reportingFailures {
            let network = try ONNXImporter.loadFloatNetwork(path: model)
            let summary = GraphSummary(network.graph)
            if json { try Console.print(json: summary) } else { Console.print(summary.table) }
        }
    }
}
