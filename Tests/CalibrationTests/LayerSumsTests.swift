// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization
import TestSupport
import Testing

@testable import Calibration

/// A correction round's sums against the bytes that whole runs give.
@Suite struct LayerSumsTests {
    private static func quantized(
        _ network: FloatNetwork
    ) throws -> (QuantizedNetwork, [[Float]]) {
        let encoding = SmallNetwork.encoding(for: network)
        let images = SmallNetwork.images(3, for: network, seed: TestSeed.value &+ 1)
        let cluster = LocalCluster(network: network, images: images, encoding: encoding)
        var job = try cluster.job(.test(match: .post))
        while job.quantized == nil { try cluster.step(&job) }
        return (try #require(job.quantized), images.map(encoding.encode))
    }

    /// Bytes of a node and of the clamps behind it, added up per channel.
    private func outputs(
        of node: Int, _ executor: IntegerExecutor, _ image: [Float], _ biases: BiasState
    ) -> [Int64] {
        let workspace = Workspace()
        let observed = executor.graph.clamps(behind: node).last ?? node
        let shape = executor.graph.nodes[observed].shape
        var sums = [Int64](repeating: 0, count: shape.channels)
        var run = executor.start(image, workspace: workspace)
        while run.next <= observed {
            guard let values = run.step(biases: biases, workspace: workspace),
                run.next == observed + 1
            else { continue }
            for index in 0..<shape.count { sums[index % shape.channels] += Int64(values[index]) }
        }
        return sums
    }

    /// All rows at once, a few at a time and a rest, one by one; accumulators kept and computed
    /// again.
    @Test(arguments: [1 << 16, 60, 1], [1, .max])
    func areThoseOfWholeRuns(cachedCount: Int, keptReduction: Int) throws {
        let clamped = SmallNetwork.clamped(seed: TestSeed.value)
        #expect(
            clamped.graph.convolutions.map { clamped.graph.clamps(behind: $0).count } == [2, 1, 0])
        for network in [SmallNetwork.everything(seed: TestSeed.value), clamped] {
            try expectThoseOfWholeRuns(network, cachedCount, keptReduction)
        }
    }

    private func expectThoseOfWholeRuns(
        _ float: FloatNetwork, _ cachedCount: Int, _ keptReduction: Int
    ) throws {
        let (network, images) = try Self.quantized(float)
        let executor = IntegerExecutor(network, keptReduction: keptReduction)
        let biases = BiasState(of: network)
        let workspace = Workspace()
        for (layer, node) in network.graph.convolutions.enumerated() {
            var raised = biases
            raised.layers[layer] = zip(biases.layers[layer], network.outputStep(node)).map(+)
            let observation = LayerObservation(
                of: layer, .post, in: executor, cachedCount: cachedCount)
            var total = LayerSums(channels: observation.channels, .post)
            var expected = total
            for image in images {
                var run = executor.start(image, workspace: workspace)
                while run.next < node { run.step(biases: biases, workspace: workspace) }
                let sums = run.accumulate(workspace: workspace)
                for index in 0..<network.graph.nodes[node].shape.count {
                    expected.accumulators[index % observation.channels] += Int64(
                        sums.int32s[index])
                }
                workspace.give(sums)
                total.add(observation.sums(of: &run, biases: biases, workspace: workspace))
                expectSameStep(&run, of: executor, image, raised)
                for channel in expected.outputs.indices {
                    expected.outputs[channel] +=
                        outputs(of: node, executor, image, biases)[channel]
                    expected.raisedOutputs[channel] +=
                        outputs(of: node, executor, image, raised)[channel]
                }
            }
            #expect(total == expected, "\(network.graph.nodes[node].name), seed \(TestSeed.value)")
            #expect(
                try LayerSums(payload: total.payload(), channels: observation.channels, .post)
                    == total)
        }
    }

    /// Whether or not it was looked at, and with other biases than then.
    private func expectSameStep(
        _ run: inout IntegerRun, of executor: IntegerExecutor, _ image: [Float],
        _ biases: BiasState
    ) {
        let workspace = Workspace()
        let node = run.next
        let count = executor.graph.nodes[node].shape.count
        var other = executor.start(image, workspace: workspace)
        while other.next < node { other.step(biases: biases, workspace: workspace) }
        let expected = other.step(biases: biases, workspace: workspace)
        let found = run.step(biases: biases, workspace: workspace)
        #expect((found == nil) == (expected == nil))
        if let found, let expected {
            #expect(
                UnsafeBufferPointer(start: found, count: count)
                    .elementsEqual(UnsafeBufferPointer(start: expected, count: count)))
        }
    }

    @Test func havePayloadsOfOneSize() throws {
        for match in Match.allCases {
            let sums = LayerSums(channels: 7, match)
            #expect(sums.payload().count == LayerSums.payloadBytes(channels: 7, match))
            for bytes in [sums.payload() + [0], Array(sums.payload().dropLast())] {
                #expect(throws: CalibrationError.self) {
                    try LayerSums(payload: bytes, channels: 7, match)
                }
            }
        }
    }
}
