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
            let shape = graph.shape(of: node.inputs[0])
            let result: [Float]
            switch node.operation {
            case .convolution(let convolution):
                guard let parameters = network.parameters[index] else { return [] }
                result = ScalarReference.convolution(
                    inputs[0], input: shape, output: node.shape, convolution: convolution,
                    weights: parameters.weights, bias: parameters.bias, clamp: .none)
            case .add: result = ScalarReference.add(inputs[0], inputs[1], clamp: .none)
            case .concat:
                result = concatenated(inputs, node.inputs.map { graph.shape(of: $0).channels })
            case .maxPool(let window):
                result = ScalarReference.maxPool(inputs[0], shape: shape, window: window)
            case .averagePool(let window, let countIncludePad):
                result = ScalarReference.averagePool(
                    inputs[0], shape: shape, window: window, countIncludePad: countIncludePad)
            case .globalAveragePool:
                result = ScalarReference.globalAveragePool(inputs[0], shape: shape)
            case .clamp: result = inputs[0]
            case .multiply:
                result = ScalarReference.multiply(inputs[0], inputs[1], clamp: .none)
            case .activation(let function):
                result = ScalarReference.activation(function, inputs[0])
            case .localResponseNormalization(let lrn):
                result = ScalarReference.localResponseNormalization(
                    lrn, inputs[0], channels: shape.channels)
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
            #expect(result.bits == expected[network.graph.output.value].bits, "seed \(seed)")
        }
    }

    /// Pointwise convolutions whose wide output a depthwise one reads: alone, beside another reader, and where it
    /// is the network's output too.
    @Test func pairsEqualSingleSteps() {
        var generator = SeededGenerator(seed: TestSeed.value)
        var network = SmallNetwork(
            input: FeatureShape(height: 60, width: 61, channels: 5), seed: generator.next())
        let clamp = Clamp(lower: 0, upper: 1)
        let wide = network.convolve(0, channels: 80, clamp: clamp)
        let alone = network.convolve(wide, channels: 80, kernel: 3, groups: 80, clamp: clamp)
        let shared = network.convolve(alone, channels: 80)
        let beside = network.convolve(shared, channels: 80, kernel: 3, groups: 80)
        let sum = network.append(.add, [shared, beside], shape: network.shape(shared))
        let last = network.convolve(sum, channels: 80, clamp: clamp)
        network.convolve(last, channels: 80, kernel: 5, stride: 2, groups: 80)
        for output in [network.nodes.count, last] {
            let network = network.network(output: output, rank: 4)
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

    @Test func observingBeforeTheClampLeavesTheRestAlone() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = SmallNetwork.everything(seed: generator.next())
        let graph = network.graph
        let executor = FloatExecutor(network)
        var unclamped = network
        for image in randomImages(2, for: graph, using: &generator) {
            let workspace = Workspace()
            var run = executor.start(image, workspace: workspace)
            for (index, node) in graph.nodes.enumerated() {
                var before: [Float] = []
                run.step(workspace: workspace) { values in
                    before = Array(UnsafeBufferPointer(start: values, count: node.shape.count))
                    let after = ScalarReference.clamp(before, clamp: node.clamp)
                    for (offset, value) in after.enumerated() { values[offset] = value }
                }
                // The oracle up to this node, without this node's clamp.
                unclamped.graph = graph
                unclamped.graph.nodes[index].clamp = .none
                #expect(
                    before.bits == Self.oracle(unclamped, image)[index + 1].bits, "\(node.name)")
            }
            let result = run.finish(workspace: workspace)
            #expect(result.bits == executor.run(image, workspace: Workspace()).bits)
        }
    }
}

/// Joins NHWC values along channels.
func concatenated<Element>(_ inputs: [[Element]], _ channels: [Int]) -> [Element] {
    let pixels = inputs[0].count / channels[0]
    return (0..<pixels).flatMap { pixel in
        zip(inputs, channels).flatMap { values, channels in
            values[pixel * channels..<(pixel + 1) * channels]
        }
    }
}
