// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import TestSupport
import Testing

/// One model per operator and exporter idiom, made by scripts/fixtures/make-onnx-fixtures.
@Suite struct FixtureTests {
    static let names = Golden.names

    static func load(_ name: String) throws -> FloatNetwork {
        try ONNXImporter.loadFloatNetwork(path: Golden.path(of: name))
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
        #expect(golden.output.dims.count == graph.outputs[0].rank)
        let evaluator = NaiveEvaluator(network: network)
        let (result, scale) = golden.outputs(of: graph) { evaluator.run($0) }
        try #require(result.count == golden.output.values.count)
        for (index, (ours, theirs)) in zip(result, golden.output.values).enumerated() {
            #expect(abs(ours - theirs) <= 1e-5 * scale, "element \(index)")
        }
    }

    /// What every imported graph promises.
    private func check(_ graph: Graph) throws {
        #expect(Set(graph.nodes.map(\.name)).count == graph.nodes.count)
        #expect(
            graph.consumers.enumerated().allSatisfy { !$1.isEmpty || $0 == graph.outputs[0].value })
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
