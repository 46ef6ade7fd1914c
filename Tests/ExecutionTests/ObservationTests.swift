// SPDX-License-Identifier: Apache-2.0

import Execution
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Looking at a layer's accumulators before its step, which are kept for that or computed again.
@Suite struct ObservationTests {
    @Test(arguments: [true, false], [1, .max])
    func changesNothing(quantizesOutput: Bool, keptReduction: Int) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = try IntegerExecutorTests.quantized(
            seed: generator.next(), QuantizationScheme(quantizesOutput: quantizesOutput),
            using: &generator)
        let executor = IntegerExecutor(network, keptReduction: keptReduction)
        let biases = BiasState(of: network)
        for image in randomImages(2, for: network.graph, using: &generator) {
            let expected = IntegerOracle(network: network).run(image, biases: biases)
            let workspace = Workspace()
            workspace.poison(for: network.graph)
            var run = executor.start(image, workspace: workspace)
            for (index, node) in network.graph.nodes.enumerated() {
                if let sums = expected.accumulators[index] {
                    // Looked at again, they are still there.
                    for rows in [2, node.shape.height] {
                        var found: [Int32] = []
                        run.observe(rowsAtATime: rows, workspace: workspace) { values, pixels in
                            found += UnsafeBufferPointer(
                                start: values, count: pixels * node.shape.channels)
                        }
                        #expect(found == sums, "\(node.name), \(rows) rows at a time")
                    }
                }
                if let values = run.step(biases: biases, workspace: workspace) {
                    let bytes = UnsafeBufferPointer(start: values, count: node.shape.count)
                    #expect(
                        Array(bytes) == expected.values[network.graph.value(of: index)],
                        "\(node.name)")
                }
            }
            #expect(run.finish(workspace: workspace).bits == expected.output.bits)
        }
    }

    /// A run that is given up gives back what it kept: the next one needs no more memory.
    @Test func discardedRunsLeaveNothing() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = try IntegerExecutorTests.quantized(
            seed: generator.next(), QuantizationScheme(), using: &generator)
        let executor = IntegerExecutor(network, keptReduction: 1)
        let image = randomImages(1, for: network.graph, using: &generator)[0]
        let workspace = Workspace()
        func lookAtTheFirst() {
            var run = executor.start(image, workspace: workspace)
            while run.next < network.graph.convolutions[0] {
                run.step(biases: BiasState(of: network), workspace: workspace)
            }
            run.observe(rowsAtATime: 1, workspace: workspace) { _, _ in }
            run.discard(workspace: workspace)
        }
        lookAtTheFirst()
        let bytes = workspace.freeBytes
        lookAtTheFirst()
        #expect(workspace.freeBytes == bytes)
    }

    /// More than 1 MiB is not kept.
    @Test(arguments: [(60, true), (65, false)])
    func largeLayersAreComputedAgain(height: Int, isKept: Bool) throws {
        var float = SmallNetwork(
            input: TensorShape(height: height, width: 64, channels: 4), seed: 9)
        float.convolve(0, channels: 64)
        let network = try QuantizedNetwork(
            quantizing: float.network(rank: 4), inputRanges: [ActivationRange(lower: -1, upper: 1)],
            ranges: [ActivationRange(lower: -2, upper: 2)], scheme: QuantizationScheme())
        let executor = IntegerExecutor(network, keptReduction: 1)
        let workspace = Workspace()
        var run = executor.start(
            [Float](repeating: 0.5, count: network.graph.inputCount),
            workspace: workspace)
        run.observe(rowsAtATime: 1, workspace: workspace) { _, _ in }
        // Only a buffer that is given back is free.
        #expect((workspace.freeBytes == 0) == isKept)
    }
}
