// SPDX-License-Identifier: Apache-2.0

import Execution
import Foundation
import NetworkGraph
import ONNXImport
import TestSupport
import Testing

/// Models of torchvision as both PyTorch exporters write them (scripts/fixtures/make-test-models).
@Suite struct TorchvisionTests {
    struct Goldens: Decodable {
        struct Model: Decodable {
            var scale: Double
            var logits: [Double]
        }
        var size: Int
        var models: [String: Model]

        init() throws {
            let url = Resources.fixtures.appendingPathComponent("torchvision/golden.json")
            self = try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: url))
        }
    }

    static let names = [
        "mobilenet_v2_1.0", "mobilenet_v2_1.4", "googlenet", "resnet18",
        "mobilenet_v3_small", "mobilenet_v3_large",
    ]
    static let exporters = ["legacy", "legacy-bn", "dynamo"]

    /// Millions of MACs at 224×224 as published, and numbers of nodes of a fully folded graph.
    static let expected: [String: (macs: Int, convolutions: Int, others: Int)] = [
        "mobilenet_v2_1.0": (301, 53, 11),
        "mobilenet_v2_1.4": (582, 53, 11),
        "googlenet": (1498, 58, 23),
        "resnet18": (1814, 21, 10),
        "mobilenet_v3_small": (57, 54, 53),
        "mobilenet_v3_large": (217, 64, 56),
    ]

    @Test(arguments: names, exporters)
    func foldsCompletelyAndComputesWhatONNXRuntimeComputes(name: String, exporter: String) throws {
        let skeleton = try Skeleton(named: "\(name).\(exporter)")
        let graph = try ONNXImporter.floatNetwork(of: skeleton.document()).graph
        let summary = GraphSummary(graph)
        let expected = try #require(Self.expected[name])
        #expect((summary.macs + 500_000) / 1_000_000 == expected.macs)
        #expect(graph.convolutions.count == expected.convolutions)
        #expect(graph.nodes.count == expected.convolutions + expected.others)
        #expect(graph.outputs[0].rank == 2)
        #expect(summary.outputShapes[0].count == 1000)
        #expect(graph.inputs[0].batch == nil)

        let goldens = try Goldens()
        let golden = try #require(goldens.models[skeleton.name])
        let small = try ONNXImporter.floatNetwork(of: skeleton.document(size: goldens.size))
        let image = skeleton.image(channels: 3, size: goldens.size)
        let output = NaiveEvaluator(network: small)
            .run(channelsLast(image, small.graph.inputs[0].shape))
        #expect(output.count == 1000)
        for (ours, theirs) in zip(output, golden.logits) {
            #expect(abs(ours - theirs) <= 1e-5 * golden.scale)
        }
        // The executor rounds every product and sum to Float.
        let input = channelsLast(image, small.graph.inputs[0].shape).map { Float($0) }
        let logits = FloatExecutor(small).run(input, workspace: Workspace())
        #expect(logits.count == 1000)
        for (ours, theirs) in zip(logits, golden.logits) {
            #expect(abs(Double(ours) - theirs) <= 1e-4 * golden.scale)
        }
    }
}
