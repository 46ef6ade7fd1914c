// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct GradientExecutorTests {
    /// Random networks whose output the executor can make.
    static func networks(
        _ count: Int, hasFunctions: Bool = false, hasMovements: Bool = false, inputs: Int = 1,
        outputs: Int = 1, using generator: inout SeededGenerator
    ) -> [(seed: UInt64, network: QuantizedNetwork)] {
        var made: [(UInt64, QuantizedNetwork)] = []
        while made.count < count {
            let seed = generator.next()
            let network = RandomNetworks.make(
                seed: seed,
                RandomNetworks.Options(
                    hasFunctions: hasFunctions, hasMovements: hasMovements, inputs: inputs,
                    outputs: outputs))
            // Elementwise nodes have no accumulators a float output could be made from.
            let graph = network.graph
            let isRunnable = graph.outputs.allSatisfy { output in
                network.activations[output.value] != nil
                    || graph.node(of: output.value).map { graph.nodes[$0].convolution != nil }
                        == true
            }
            if isRunnable { made.append((seed, network)) }
        }
        return made
    }

    static func outputGradient(_ graph: Graph, using generator: inout SeededGenerator) -> [Float] {
        (0..<graph.outputCount).map { _ in generator.unit() }
    }

    static func zeros(_ network: QuantizedNetwork) -> [[Double]] {
        BiasState(of: network).layers.map { [Double](repeating: 0, count: $0.count) }
    }

    private func compare(
        _ network: QuantizedNetwork, seed: UInt64, _ generator: inout SeededGenerator
    ) {
        let biases = BiasState(of: network)
        let executor = IntegerExecutor(network)
        for image in randomImages(2, for: network.graph, using: &generator) {
            let trace = IntegerOracle(network: network).run(image, biases: biases)
            let oracle = GradientOracle(network: network, trace: trace, biases: biases)
            let gradient = Self.outputGradient(network.graph, using: &generator)
            let expected = oracle.run(gradient)
            for isa in InstructionSet.available {
                let gradients = GradientExecutor(executor, isa: isa)
                let workspace = Workspace()
                workspace.poison(for: network.graph)
                var tape = gradients.record(image, biases: biases, workspace: workspace)
                #expect(tape.logits.bits == trace.output.bits, "seed \(seed)")
                var sums = Self.zeros(network)
                tape.backpropagate(gradient, into: &sums, workspace: workspace)
                for (layer, pair) in zip(sums, expected).enumerated() {
                    #expect(pair.0.bits == pair.1.bits, "layer \(layer), \(isa.name), seed \(seed)")
                }
            }
        }
    }

    @Test func randomNetworksEqualTheirScalarTwins() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, network) in Self.networks(60, using: &generator) {
            compare(network, seed: seed, &generator)
        }
    }

    @Test func networksWithFunctionsEqualTheirScalarTwins() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, network) in Self.networks(60, hasFunctions: true, using: &generator) {
            compare(network, seed: seed, &generator)
        }
    }

    @Test func networksWithMovementsEqualTheirScalarTwins() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let networks = Self.networks(
            80, hasFunctions: true, hasMovements: true, outputs: 2, using: &generator)
        for (seed, network) in networks { compare(network, seed: seed, &generator) }
    }

    /// Outputs that others read, the same output twice, float and 8-bit side by side.
    @Test func networksOfSeveralEndsEqualTheirScalarTwins() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let networks = Self.networks(
            60, hasFunctions: true, inputs: 2, outputs: 3, using: &generator)
        for (seed, network) in networks { compare(network, seed: seed, &generator) }
    }

    @Test(arguments: IntegerExecutorTests.cases)
    func everySchemeEqualsItsScalarTwins(_ test: IntegerExecutorTests.Case) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let seed = generator.next()
        let network = try IntegerExecutorTests.quantized(
            seed: seed, test.scheme, using: &generator)
        compare(network, seed: seed, &generator)
    }

    /// A clamp in place of bounds that nothing meets; concatenations and pools with clamps of their
    /// own.
    @Test func clampsOfEveryNodeCount() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, original) in Self.networks(30, using: &generator) {
            var network = original
            for index in network.graph.nodes.indices {
                if case .maxPool = network.graph.nodes[index].operation { continue }
                network.graph.nodes[index].clamp = Clamp(lower: -0.2, upper: 1.5)
            }
            compare(network, seed: seed, &generator)
        }
    }

    @Test func sumsGoOnFromWhatTheyHold() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let (_, network) = Self.networks(1, using: &generator)[0]
        let gradients = GradientExecutor(IntegerExecutor(network))
        let biases = BiasState(of: network)
        let workspace = Workspace()
        let image = randomImages(1, for: network.graph, using: &generator)[0]
        let gradient = Self.outputGradient(network.graph, using: &generator)
        var sums = Self.zeros(network).map { $0.map { _ in 1000.0 } }
        for _ in 0..<2 {
            var tape = gradients.record(image, biases: biases, workspace: workspace)
            tape.backpropagate(gradient, into: &sums, workspace: workspace)
        }
        var once = Self.zeros(network)
        var tape = gradients.record(image, biases: biases, workspace: workspace)
        tape.backpropagate(gradient, into: &once, workspace: workspace)
        for (found, expected) in zip(sums.joined(), once.joined()) {
            #expect(abs(found - 1000 - 2 * expected) <= 1e-9 * (1000 + abs(expected)))
        }
    }

    @Test func bitsDoNotDependOnThreadsOrderOrMemory() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = try IntegerExecutorTests.quantized(
            seed: generator.next(), QuantizationScheme(), using: &generator)
        let gradients = GradientExecutor(IntegerExecutor(network))
        let biases = BiasState(of: network)
        let images = randomImages(9, for: network.graph, using: &generator)
        @Sendable func sums(_ image: [Float], _ workspace: Workspace) -> [[Double]] {
            var abandoned = gradients.record(image, biases: biases, workspace: workspace)
            abandoned.discard(workspace: workspace)
            var sums = Self.zeros(network)
            var tape = gradients.record(image, biases: biases, workspace: workspace)
            tape.backpropagate(tape.logits, into: &sums, workspace: workspace)
            return sums
        }
        let reference = images.map { sums($0, Workspace()) }
        for threads in 1...4 {
            let order = images.indices.shuffled(using: &generator)
            let found = ComputePool(threads: threads).map(order.count) { index, workspace in
                workspace.poison(for: network.graph)
                return sums(images[order[index]], workspace)
            }
            for (index, image) in order.enumerated() {
                #expect(
                    found[index].map(\.bits) == reference[image].map(\.bits), "\(threads) threads")
            }
        }
    }

    /// The same bits on every machine and instruction set, for as long as the numerics contract
    /// stands.
    @Test(arguments: InstructionSet.available.indices)
    func digestIsUnchanged(isa: Int) {
        var generator = SeededGenerator(seed: 20_190_607)
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for (_, network) in Self.networks(12, using: &generator) {
            let gradients = GradientExecutor(
                IntegerExecutor(network), isa: InstructionSet.available[isa])
            let workspace = Workspace()
            let image = randomImages(1, for: network.graph, using: &generator)[0]
            var sums = Self.zeros(network)
            var tape = gradients.record(
                image, biases: BiasState(of: network), workspace: workspace)
            tape.backpropagate(
                Self.outputGradient(network.graph, using: &generator), into: &sums,
                workspace: workspace)
            for bits in sums.joined().map(\.bitPattern) {
                for byte in 0..<8 {
                    hash = (hash ^ bits >> UInt64(8 * byte) & 0xFF) &* 0x100_0000_01B3
                }
            }
        }
        #expect(hash == 1_005_752_215_547_845_481)
    }

    @Test func memoryIsGivenBackAndAccountedFor() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, network) in Self.networks(20, using: &generator) {
            let gradients = GradientExecutor(IntegerExecutor(network))
            let biases = BiasState(of: network)
            let image = randomImages(1, for: network.graph, using: &generator)[0]
            let (forward, backward) = (Workspace(), Workspace())
            var tape = gradients.record(image, biases: biases, workspace: forward)
            let afterRecord = forward.freeBytes
            let copy = tape
            tape.discard(workspace: forward)
            // A buffer has at most twice what was asked for, and at least 64 bytes.
            let kept = forward.freeBytes - afterRecord
            let most = 2 * gradients.tapeBytes + 128 * network.graph.nodes.count
            #expect(gradients.tapeBytes...most ~= kept, "seed \(seed)")
            var sums = Self.zeros(network)
            tape = copy
            tape.backpropagate(
                Self.outputGradient(network.graph, using: &generator), into: &sums,
                workspace: backward)
            #expect(backward.freeBytes >= gradients.gradientBytes, "seed \(seed)")
        }
    }
}

extension Array where Element == Double {
    var bits: [UInt64] { map(\.bitPattern) }
}
