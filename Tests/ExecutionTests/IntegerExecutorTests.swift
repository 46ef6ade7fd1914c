// SPDX-License-Identifier: Apache-2.0

import Execution
import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct IntegerExecutorTests {
    /// `SmallNetwork.everything` under every scheme, its activations' scales and zero points
    /// disturbed.
    static func quantized(
        seed: UInt64, _ scheme: QuantizationScheme, using generator: inout SeededGenerator
    ) throws -> QuantizedNetwork {
        let float = SmallNetwork.everything(seed: seed)
        let executor = FloatExecutor(float)
        let workspace = Workspace()
        let nodes = float.graph.nodes
        var extrema = ChannelExtrema(
            lower: nodes.map { [Float](repeating: .infinity, count: $0.shape.channels) },
            upper: nodes.map { [Float](repeating: -.infinity, count: $0.shape.channels) })
        for image in randomImages(3, for: float.graph, using: &generator) {
            var run = executor.start(image, workspace: workspace)
            for (index, node) in nodes.enumerated() {
                let values = run.step(workspace: workspace)
                for element in 0..<node.shape.count {
                    let channel = element % node.shape.channels
                    extrema.lower[index][channel] = min(
                        extrema.lower[index][channel], values[element])
                    extrema.upper[index][channel] = max(
                        extrema.upper[index][channel], values[element])
                }
            }
            _ = run.finish(workspace: workspace)
        }
        var network = try QuantizedNetwork(
            quantizing: float, inputRanges: [ActivationRange(lower: -1.5, upper: 1.5)],
            ranges: extrema.ranges, scheme: scheme)
        disturb(&network, using: &generator)
        return network
    }

    /// Scales that no range would give, zero points from end to end, some random weights and large
    /// biases.
    private static func disturb(
        _ network: inout QuantizedNetwork, using generator: inout SeededGenerator
    ) {
        for value in 0..<network.graph.valueCount {
            guard var chosen = network.activations[value] else { continue }
            if let node = network.graph.node(of: value),
                network.graph.nodes[node].operation.form.resultQuantization == .operand
            {
                network.activations[value] =
                    network.activations[network.graph.nodes[node].inputs[0]]
                continue
            }
            chosen.scale *= Float.random(in: 0.3...1.5, using: &generator)
            if Bool.random(using: &generator) {
                chosen.zeroPoint = Int.random(
                    in: chosen.type.minimum...chosen.type.maximum, using: &generator)
            }
            network.activations[value] = chosen
        }
        for node in network.graph.convolutions where Bool.random(using: &generator) {
            guard var parameters = network.parameters[node] else { continue }
            let range = Int16(parameters.type.minimum)...Int16(parameters.type.maximum)
            parameters.weights = parameters.weights.map { _ in
                Int16.random(in: range, using: &generator)
            }
            if parameters.type == .uint8 {
                parameters.zeroPoints = parameters.zeroPoints.map { _ in
                    Int.random(in: 0...255, using: &generator)
                }
            }
            parameters.bias = parameters.bias.map { _ in
                Int32.random(in: -2_000_000...2_000_000, using: &generator)
            }
            network.parameters[node] = parameters
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var scheme: QuantizationScheme
        var testDescription: String {
            "\(scheme.granularity) \(scheme.symmetry) \(scheme.weightBits) bits, \(scheme.activationType), "
                + (scheme.quantizesOutput ? "8-bit output" : "float output")
        }
    }

    static let cases: [Case] = Granularity.allCases.flatMap { granularity in
        WeightSymmetry.allCases.flatMap { symmetry in
            [IntegerType.uint8, .int8].flatMap { type in
                [true, false].map { quantizesOutput in
                    Case(
                        scheme: QuantizationScheme(
                            granularity: granularity, symmetry: symmetry,
                            weightBits: quantizesOutput ? 8 : 4, activationType: type,
                            quantizesOutput: quantizesOutput))
                }
            }
        }
    }

    @Test(arguments: cases)
    func everyNodeEqualsItsScalarTwin(_ test: Case) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<3 {
            let seed = generator.next()
            let network = try Self.quantized(seed: seed, test.scheme, using: &generator)
            let images = randomImages(2, for: network.graph, using: &generator)
            compare(network, images, seed: seed)
        }
    }

    /// Dilations, groups, odd pads, pools of every kind, fully connected layers, mixed weight
    /// types.
    @Test func randomNetworksEqualTheirScalarTwins() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, network) in GradientExecutorTests.networks(60, using: &generator) {
            compare(network, randomImages(2, for: network.graph, using: &generator), seed: seed)
        }
    }

    @Test func networksOfSeveralEndsEqualTheirScalarTwins() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let networks = GradientExecutorTests.networks(
            60, hasFunctions: true, inputs: 2, outputs: 3, using: &generator)
        for (seed, network) in networks {
            compare(network, randomImages(2, for: network.graph, using: &generator), seed: seed)
        }
    }

    /// Products, activation functions and local response normalization.
    @Test func networksWithFunctionsEqualTheirScalarTwins() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, network) in GradientExecutorTests.networks(
            60, hasFunctions: true, using: &generator)
        {
            compare(network, randomImages(2, for: network.graph, using: &generator), seed: seed)
        }
    }

    private func compare(_ network: QuantizedNetwork, _ images: [[Float]], seed: UInt64) {
        let executor = IntegerExecutor(network)
        let oracle = IntegerOracle(network: network)
        let biases = BiasState(of: network)
        let workspace = Workspace()
        for image in images {
            workspace.poison(for: network.graph)
            let expected = oracle.run(image, biases: biases)
            var run = executor.start(image, workspace: workspace)
            for (value, input) in network.graph.inputs.enumerated() {
                #expect(
                    bytes(run.input(value), input.shape) == expected.values[value], "seed \(seed)")
            }
            for (index, node) in network.graph.nodes.enumerated() {
                let values = run.step(biases: biases, workspace: workspace)
                guard let values else { continue }
                #expect(
                    bytes(values, node.shape) == expected.values[network.graph.value(of: index)],
                    "\(node.name), seed \(seed)")
            }
            let output = run.finish(workspace: workspace)
            #expect(output.bits == expected.output.bits, "seed \(seed)")
            #expect(executor.run(image, biases: biases, workspace: workspace).bits == output.bits)
        }
    }

    private func bytes(_ pointer: UnsafePointer<UInt8>, _ shape: TensorShape) -> [UInt8] {
        Array(UnsafeBufferPointer(start: pointer, count: shape.count))
    }

    // MARK: Ways to get there

    @Test(arguments: [true, false])
    func accumulatingFirstGivesTheSameBits(quantizesOutput: Bool) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = try Self.quantized(
            seed: generator.next(), QuantizationScheme(quantizesOutput: quantizesOutput),
            using: &generator)
        let executor = IntegerExecutor(network)
        var biases = BiasState(of: network)
        for layer in biases.layers.indices {
            biases.layers[layer] = biases.layers[layer].map {
                $0 + Int32.random(in: -500...500, using: &generator)
            }
        }
        for image in randomImages(3, for: network.graph, using: &generator) {
            let expected = IntegerOracle(network: network).run(image, biases: biases)
            let workspace = Workspace()
            workspace.poison(for: network.graph)
            var run = executor.start(image, workspace: workspace)
            for (index, node) in network.graph.nodes.enumerated() {
                if let sums = expected.accumulators[index] {
                    let found = run.accumulate(workspace: workspace)
                    #expect(
                        Array(UnsafeBufferPointer(start: found.int32s, count: sums.count)) == sums,
                        "\(node.name)")
                    workspace.give(found)
                }
                if let values = run.step(biases: biases, workspace: workspace) {
                    #expect(
                        bytes(values, node.shape)
                            == expected.values[network.graph.value(of: index)], "\(node.name)")
                }
            }
            #expect(run.finish(workspace: workspace).bits == expected.output.bits)
        }
    }

    @Test func bitsDoNotDependOnThreadsOrderOrMemory() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = try Self.quantized(
            seed: generator.next(), QuantizationScheme(), using: &generator)
        let executor = IntegerExecutor(network)
        let biases = BiasState(of: network)
        let images = randomImages(9, for: network.graph, using: &generator)
        let reference = images.map { executor.run($0, biases: biases, workspace: Workspace()) }
        for threads in 1...5 {
            let pool = ComputePool(threads: threads)
            for _ in 0..<3 {
                let order = images.indices.shuffled(using: &generator)
                let results = pool.map(order.count) { index, workspace in
                    workspace.poison(for: network.graph)
                    // A run that is given up must not leave anything behind.
                    var abandoned = executor.start(images[order[index]], workspace: workspace)
                    abandoned.step(biases: biases, workspace: workspace)
                    abandoned.discard(workspace: workspace)
                    return executor.run(images[order[index]], biases: biases, workspace: workspace)
                }
                for (index, image) in order.enumerated() {
                    #expect(results[index].bits == reference[image].bits, "\(threads) threads")
                }
            }
        }
    }
}
