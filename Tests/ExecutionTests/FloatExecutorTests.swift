// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import TestSupport
import Testing

@Suite struct FloatExecutorTests {
    /// Every node by its scalar twin.
    private static func oracle(_ network: FloatNetwork, _ input: [Float]) -> [[Float]] {
        let graph = network.graph
        var values = [input]
        for (index, node) in graph.nodes.enumerated() {
            let inputs = node.inputs.map { values[$0] }
            let result: [Float]
            if let twin = node.operation.twin {
                result = twin.floats(
                    TwinCall(
                        inputs: inputs, shapes: node.inputs.map(graph.shape(of:)),
                        shape: node.shape))
            } else {
                guard let convolution = node.convolution,
                    let parameters = network.parameters[index]
                else { return [] }
                result = ScalarReference.convolution(
                    inputs[0], input: graph.shape(of: node.inputs[0]), output: node.shape,
                    convolution: convolution, weights: parameters.weights, bias: parameters.bias,
                    clamp: .none)
            }
            values.append(ScalarReference.clamp(result, clamp: node.clamp))
        }
        return values
    }

    @Test func everyNodeEqualsItsScalarTwin() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<6 {
            let seed = generator.next()
            for network in [
                SmallNetwork.everything(seed: seed), SmallNetwork.gated(seed: seed),
            ] {
                compare(network, seed: seed, &generator)
            }
        }
    }

    private func compare(
        _ network: FloatNetwork, seed: UInt64, _ generator: inout SeededGenerator
    ) {
        let executor = FloatExecutor(network)
        let workspace = Workspace()
        for image in randomImages(2, for: network.graph, using: &generator) {
            workspace.poison(for: network.graph)
            let expected = Self.oracle(network, image)
            var run = executor.start(image, workspace: workspace)
            for (index, node) in network.graph.nodes.enumerated() {
                let values = run.step(workspace: workspace)
                let output = Array(UnsafeBufferPointer(start: values, count: node.shape.count))
                #expect(output.bits == expected[index + 1].bits, "\(node.name), seed \(seed)")
            }
            let result = run.finish(workspace: workspace)
            #expect(result.bits == expected[network.graph.outputs[0].value].bits, "seed \(seed)")
        }
    }

    /// Pointwise convolutions whose wide output a depthwise one reads: alone, beside another
    /// reader, and where it is the network's output too.
    private static func pairs(seed: UInt64) -> [FloatNetwork] {
        var network = SmallNetwork(
            input: TensorShape(height: 60, width: 61, channels: 5), seed: seed)
        let clamp = Clamp(lower: 0, upper: 1)
        let wide = network.convolve(0, channels: 80, clamp: clamp)
        let alone = network.convolve(wide, channels: 80, kernel: 3, groups: 80, clamp: clamp)
        let shared = network.convolve(alone, channels: 80)
        let beside = network.convolve(shared, channels: 80, kernel: 3, groups: 80)
        let sum = network.append(.add, [shared, beside], shape: network.shape(shared))
        let last = network.convolve(sum, channels: 80, clamp: clamp)
        network.convolve(last, channels: 80, kernel: 5, stride: 2, groups: 80)
        return [network.nodes.count, last].map { network.network(output: $0, rank: 4) }
    }

    @Test func pairsEqualSingleSteps() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for network in Self.pairs(seed: generator.next()) {
            let executor = FloatExecutor(network)
            let workspace = Workspace()
            for image in randomImages(1, for: network.graph, using: &generator) {
                var steps = executor.start(image, workspace: workspace)
                for _ in network.graph.nodes { steps.step(workspace: workspace) }
                let expected = steps.finish(workspace: workspace).bits
                workspace.poison(for: network.graph)
                #expect(executor.run(image, workspace: workspace).bits == expected)
            }
        }
    }

    @Test func bitsDoNotDependOnThreadsOrderOrMemory() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = SmallNetwork.everything(seed: generator.next())
        let executor = FloatExecutor(network)
        let images = randomImages(9, for: network.graph, using: &generator)
        let reference = images.map { executor.run($0, workspace: Workspace()).bits }
        for threads in 1...5 {
            let pool = ComputePool(threads: threads)
            for _ in 0..<3 {
                let order = images.indices.shuffled(using: &generator)
                let results = pool.map(order.count) { index, workspace in
                    workspace.poison(for: network.graph)
                    return executor.run(images[order[index]], workspace: workspace).bits
                }
                for (index, image) in order.enumerated() {
                    #expect(results[index] == reference[image], "\(threads) threads")
                }
            }
        }
    }

    @Test func interleavedRunsDoNotDisturbEachOther() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = SmallNetwork.everything(seed: generator.next())
        let executor = FloatExecutor(network)
        let images = randomImages(3, for: network.graph, using: &generator)
        let workspace = Workspace()
        var runs = images.map { executor.start($0, workspace: workspace) }
        for _ in network.graph.nodes {
            for index in runs.indices.shuffled(using: &generator) {
                runs[index].step(workspace: workspace)
            }
        }
        for (index, image) in images.enumerated() {
            let result = runs[index].finish(workspace: workspace)
            #expect(result.bits == executor.run(image, workspace: Workspace()).bits)
        }
    }

    /// Of nodes computed alone, and of two in one call; the values stay what they are.
    @Test func statisticsAreThoseOfSingleNodes() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let everything = SmallNetwork.everything(seed: generator.next())
        for network in [everything] + Self.pairs(seed: generator.next()) {
            let executor = FloatExecutor(network)
            for image in randomImages(1, for: network.graph, using: &generator) {
                let found = network.graph.nodes.map { NodeStatistics(channels: $0.shape.channels) }
                let workspace = Workspace()
                workspace.poison(for: network.graph)
                var run = executor.start(image, workspace: workspace)
                while run.next < network.graph.nodes.count {
                    run.advance(workspace: workspace) { found[$0].pointers }
                }
                let result = run.finish(workspace: workspace)
                #expect(result.bits == executor.run(image, workspace: Workspace()).bits)
                for (index, node) in network.graph.nodes.enumerated() {
                    var values = Self.unclamped(index, of: network, image)
                    var expected = ScalarReference.FloatStatistics(channels: node.shape.channels)
                    ScalarReference.floatStatistics(&values, clamp: node.clamp, into: &expected)
                    #expect(found[index].values == expected, "\(node.name)")
                }
            }
        }
    }

    /// Output of one node without its clamp.
    private static func unclamped(
        _ node: Int, of network: FloatNetwork, _ image: [Float]
    ) -> [Float] {
        var network = network
        network.graph.nodes[node].clamp = .none
        let workspace = Workspace()
        var run = FloatExecutor(network).start(image, workspace: workspace)
        for _ in 0..<node { run.step(workspace: workspace) }
        let values = run.step(workspace: workspace)
        let count = network.graph.nodes[node].shape.count
        return Array(UnsafeBufferPointer(start: values, count: count))
    }
}

/// Memory for the statistics of one node.
private struct NodeStatistics {
    private let channels: Int
    private let sums: [AlignedBuffer]
    private let bounds: [AlignedBuffer]

    init(channels: Int) {
        self.channels = channels
        sums = (0..<3).map { _ in
            let buffer = AlignedBuffer(byteCount: channels * MemoryLayout<Double>.stride)
            Self.doubles(buffer).update(repeating: 0, count: channels)
            return buffer
        }
        bounds = [Float.infinity, -.infinity].map { start in
            let buffer = AlignedBuffer(byteCount: channels * MemoryLayout<Float>.stride)
            buffer.floats.update(repeating: start, count: channels)
            return buffer
        }
    }

    private static func doubles(_ buffer: AlignedBuffer) -> UnsafeMutablePointer<Double> {
        buffer.pointer.assumingMemoryBound(to: Double.self)
    }

    var pointers: ChannelStatistics {
        ChannelStatistics(
            sumsBefore: Self.doubles(sums[0]), sumsAfter: Self.doubles(sums[1]),
            squaresAfter: Self.doubles(sums[2]), lower: bounds[0].floats, upper: bounds[1].floats)
    }

    var values: ScalarReference.FloatStatistics {
        var values = ScalarReference.FloatStatistics(channels: channels)
        let sums = sums.map {
            Array(UnsafeBufferPointer(start: Self.doubles($0), count: channels))
        }
        let bounds = bounds.map { Array(UnsafeBufferPointer(start: $0.floats, count: channels)) }
        (values.sumsPre, values.sumsPost, values.squaresPost) = (sums[0], sums[1], sums[2])
        (values.minPost, values.maxPost) = (bounds[0], bounds[1])
        return values
    }
}
