// SPDX-License-Identifier: Apache-2.0

import Execution
import Foundation
import NetworkGraph
import QDQ
import Quantization
import TestSupport
import Testing

/// Gradients of biases against PyTorch's autograd on the same files
/// (scripts/fixtures/make-gradient-goldens).
@Suite struct GradientGoldenTests {
    struct Golden: Decodable {
        struct Image: Decodable {
            /// Row-major in the layout of the model.
            var input: [Double]
            var logits: [Double]
            var gradient: [Double]
            /// One list per convolution.
            var biases: [[Double]]
        }
        var images: [Image]
    }

    static let folder = Resources.fixtures.appendingPathComponent("gradients")

    static let names = [
        "residual-uint8-uint8-tensor", "residual-int8-int8-channel", "branches-int8-int8-channel",
        "branches-uint8-uint8-channel", "strided-uint8-uint8-tensor", "strided-int8-int8-tensor",
        "gated-uint8-uint8-tensor", "gated-int8-int8-channel",
    ]

    private static func load(_ name: String) throws -> (network: QuantizedNetwork, golden: Golden) {
        let json = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
        return (
            try QDQModel.load(path: folder.appendingPathComponent("\(name).onnx").path),
            try JSONDecoder().decode(Golden.self, from: json)
        )
    }

    private static func run(_ network: QuantizedNetwork, _ image: Golden.Image)
        -> (logits: [Double], biases: [[Double]])
    {
        let graph = network.graph
        let output = graph.shape(of: graph.outputs[0].value)
        let workspace = Workspace()
        var tape = GradientExecutor(IntegerExecutor(network)).record(
            channelsLast(image.input, graph.inputs[0].shape).map { Float($0) },
            biases: BiasState(of: network), workspace: workspace)
        var sums = GradientExecutorTests.zeros(network)
        tape.backpropagate(
            channelsLast(image.gradient, output).map { Float($0) }, into: &sums,
            workspace: workspace)
        return (channelsFirst(tape.logits.map(Double.init), output), sums)
    }

    /// Largest relative distance over the layers, in the Euclidean norm.
    private static func distance(_ found: [[Double]], _ expected: [[Double]]) -> Double {
        zip(found, expected).map { found, expected in
            let apart = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let size = expected.reduce(0) { $0 + $1 * $1 }
            return apart == 0 ? 0 : (apart / size).squareRoot()
        }.max() ?? .infinity
    }

    @Test(arguments: names)
    func equalsPyTorch(_ name: String) throws {
        let (network, golden) = try Self.load(name)
        for (index, image) in golden.images.enumerated() {
            let found = Self.run(network, image)
            #expect(found.logits == image.logits, "image \(index)")
            try #require(found.biases.map(\.count) == image.biases.map(\.count))
            #expect(Self.distance(found.biases, image.biases) <= 1e-4, "image \(index)")
        }
    }

    // MARK: Wrong masks are noticed

    /// Clamps that gradients ignore.
    @Test func missedClampsShow() throws {
        var distances: [Double] = []
        for name in Self.names {
            let (network, golden) = try Self.load(name)
            var open = network
            for index in open.graph.nodes.indices { open.graph.nodes[index].clamp = .none }
            distances.append(
                Self.distance(Self.run(open, golden.images[0]).biases, golden.images[0].biases))
        }
        #expect(distances.filter { $0 > 0.01 }.count >= 4, "\(distances)")
    }

    /// Masks that all pass; masks taken from the stored values, of which those at the ends of the
    /// range may or may not have been inside it.
    @Test func wrongMasksShow() throws {
        var fromStored: [Double] = []
        for name in Self.names {
            let (network, golden) = try Self.load(name)
            let image = golden.images[0]
            let input = channelsLast(image.input, network.graph.inputs[0].shape).map { Float($0) }
            let oracle = GradientOracle(
                network: network,
                trace: IntegerOracle(network: network).run(input, biases: BiasState(of: network)),
                biases: BiasState(of: network))
            let right = Self.biases(oracle, image) { $1 }
            #expect(Self.distance(right, image.biases) <= 1e-4, "\(name)")
            let open = Self.biases(oracle, image) { _, _ in [] }
            #expect(Self.distance(open, image.biases) > 0.01, "\(name)")
            let stored = Self.biases(oracle, image) { index, passes in
                if passes.count != 1 || network.activations[index + 1] == nil { return passes }
                return [oracle.trace.values[index + 1].map { 0 < $0 && $0 < 255 }]
            }
            fromStored.append(Self.distance(stored, image.biases))
        }
        #expect(fromStored.filter { $0 > 0.01 }.count >= 4, "\(fromStored)")
    }

    /// Gradients with the masks that `change` makes of the right ones of each node.
    private static func biases(
        _ oracle: GradientOracle, _ image: Golden.Image, _ change: (Int, [[Bool]]) -> [[Bool]]
    ) -> [[Double]] {
        let graph = oracle.network.graph
        let pass = BackwardPass(
            graph: graph, weights: oracle.network.parameters.map { $0?.dequantizedWeights })
        var record = BackwardPassTests.record(oracle.network, oracle)
        for index in graph.nodes.indices {
            record.entries[index].masks = BackwardPassTests.buffers(
                change(index, oracle.passes(index)), of: index, in: graph)
        }
        var sums = GradientExecutorTests.zeros(oracle.network)
        pass.run(
            channelsLast(image.gradient, graph.shape(of: graph.outputs[0].value)).map { Float($0) },
            record: &record, into: &sums, workspace: Workspace())
        return sums
    }
}
