// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import TestSupport
import Testing

/// The real models, where they are at hand.
@Suite(.enabled(if: Resources.hasSharedModels, "../shared/models is absent"))
struct SharedModelTests {
    /// MACs and parameters as published (rounded), and extents.
    struct Expectation: Sendable, CustomTestStringConvertible {
        var file: String
        var layout = Graph.Layout.nchw
        var input: TensorShape
        var batch: Int?
        var classes: Int
        var millionMACs: Int
        var thousandParameters: Int
        var convolutions: Int
        /// All other nodes.
        var others: Int
        var testDescription: String { file }
    }

    static let expectations = [
        Expectation(
            file: "mobilenet_v1_1.0_224.onnx",
            input: TensorShape(height: 224, width: 224, channels: 3), batch: 1, classes: 1001,
            millionMACs: 569, thousandParameters: 4222, convolutions: 28, others: 1),
        Expectation(
            file: "mobilenet_v2_1.0_224.onnx",
            input: TensorShape(height: 224, width: 224, channels: 3), classes: 1000,
            millionMACs: 301, thousandParameters: 3488, convolutions: 53, others: 11),
        Expectation(
            file: "googlenet_bvlc.onnx",
            input: TensorShape(height: 224, width: 224, channels: 3), classes: 1000,
            millionMACs: 1583, thousandParameters: 6999, convolutions: 58, others: 25),
        Expectation(
            file: "efficientnet_lite0.onnx",
            input: TensorShape(height: 224, width: 224, channels: 3), classes: 1000,
            millionMACs: 385, thousandParameters: 4631, convolutions: 50, others: 10),
        Expectation(
            file: "mobilenet_v2_1.0_160_dogs.onnx", layout: .nhwc,
            input: TensorShape(height: 160, width: 160, channels: 3), classes: 19,
            millionMACs: 153, thousandParameters: 2231, convolutions: 53, others: 11),
    ]

    @Test(arguments: expectations)
    func loads(_ expected: Expectation) throws {
        let path = Resources.sharedModels.appendingPathComponent(expected.file).path
        let network = try ONNXImporter.loadFloatNetwork(path: path)
        let summary = GraphSummary(network.graph)
        #expect(network.graph.inputs[0].layout == expected.layout)
        #expect(network.graph.inputs[0].shape == expected.input)
        #expect(network.graph.inputs[0].batch == expected.batch)
        #expect(network.graph.outputs[0].rank == 2)
        #expect(
            summary.outputShapes[0]
                == TensorShape(height: 1, width: 1, channels: expected.classes))
        #expect((summary.macs + 500_000) / 1_000_000 == expected.millionMACs)
        #expect((summary.parameters + 500) / 1000 == expected.thousandParameters)
        #expect(network.graph.convolutions.count == expected.convolutions)
        #expect(network.graph.nodes.count == expected.convolutions + expected.others)
    }
}
