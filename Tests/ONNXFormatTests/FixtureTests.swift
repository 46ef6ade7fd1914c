import Foundation
import NetworkGraph
import Testing

@testable import ONNXFormat

/// A fixture's input and ONNX Runtime's output, in the model's own layout.
struct Golden: Decodable {
    struct Tensor: Decodable {
        var dims: [Int]
        var values: [Double]
    }

    var input: Tensor
    var output: Tensor

    init(named name: String) throws {
        let url = Resources.fixtures.appendingPathComponent("onnx/\(name).json")
        self = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    }
}

/// One model per operator and exporter idiom, made by scripts/make-onnx-fixtures.
@Suite struct FixtureTests {
    static var names: [String] {
        let folder = Resources.fixtures.appendingPathComponent("onnx").path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.filter { $0.hasSuffix(".onnx") }.map { String($0.dropLast(5)) }.sorted()
    }

    static func load(_ name: String) throws -> FloatNetwork {
        let url = Resources.fixtures.appendingPathComponent("onnx/\(name).onnx")
        return try ONNXImporter.loadFloatNetwork(path: url.path)
    }

    @Test func fixturesArePresent() {
        #expect(Self.names.count > 60)
    }

    @Test(arguments: names)
    func computesWhatONNXRuntimeComputes(_ name: String) throws {
        let network = try Self.load(name)
        try check(network.graph)
        let golden = try Golden(named: name)
        let graph = network.graph
        #expect(golden.output.dims.count == graph.output.rank)
        let images = golden.input.dims[0]
        let outputShape = graph.shape(of: graph.output.value)
        let size = graph.input.shape.count
        var result: [Double] = []
        for image in 0..<images {
            let values = Array(golden.input.values[image * size..<(image + 1) * size])
            let isFirst = graph.input.layout == .nchw
            let input = isFirst ? channelsLast(values, graph.input.shape) : values
            let output = NaiveEvaluator(network: network).run(input)
            result += graph.output.layout == .nchw ? channelsFirst(output, outputShape) : output
        }
        try #require(result.count == golden.output.values.count)
        let scale = golden.output.values.reduce(1) { max($0, abs($1)) }
        for (index, (ours, theirs)) in zip(result, golden.output.values).enumerated() {
            #expect(abs(ours - theirs) <= 1e-5 * scale, "element \(index)")
        }
    }

    /// What every imported graph promises.
    private func check(_ graph: Graph) throws {
        #expect(Set(graph.nodes.map(\.name)).count == graph.nodes.count)
        #expect(graph.consumers.enumerated().allSatisfy { !$1.isEmpty || $0 == graph.output.value })
        for (index, node) in graph.nodes.enumerated() {
            #expect(node.inputs.allSatisfy { $0 <= index })
            let input = graph.shape(of: node.inputs[0])
            let window: Window? =
                switch node.operation {
                case .convolution(let convolution): convolution.window
                case .maxPool(let window), .averagePool(let window, _): window
                default: nil
                }
            if let window {
                let extent = window.outputExtent(height: input.height, width: input.width)
                #expect(extent?.height == node.shape.height)
                #expect(extent?.width == node.shape.width)
            }
        }
    }
}

/// `[C][H][W]` to `[H][W][C]`.
func channelsLast(_ values: [Double], _ shape: FeatureShape) -> [Double] {
    (0..<shape.count).map { index in
        values[index % shape.channels * shape.pixels + index / shape.channels]
    }
}

/// `[H][W][C]` to `[C][H][W]`.
func channelsFirst(_ values: [Double], _ shape: FeatureShape) -> [Double] {
    (0..<shape.count).map { index in
        values[index % shape.pixels * shape.channels + index / shape.pixels]
    }
}
