// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// The backward pass against finite differences: of float networks, whose gradient is the true one.
@Suite struct BackwardPassTests {
    /// The record of a float network: masks of its clamps alone.
    private func record(_ network: DoubleNetwork, _ trace: DoubleNetwork.Trace) -> BackwardRecord {
        var record = BackwardRecord(nodes: network.graph.nodes.count)
        for (index, node) in network.graph.nodes.enumerated() {
            let passes = trace.before[index].map { value in
                (node.clamp.lower.map { value > Double($0) } ?? true)
                    && (node.clamp.upper.map { value < Double($0) } ?? true)
            }
            switch node.operation {
            case .maxPool:
                let indices = AlignedBuffer(byteCount: 2 * passes.count)
                for (element, tap) in trace.maxima[index].enumerated() {
                    indices.uint16s[element] = UInt16(tap ?? 0xFFFF)
                }
                record.entries[index] = .init(indices: indices)
            case .concat(let axis):
                let shapes = node.inputs.map { network.graph.shape(of: $0) }
                record.entries[index].masks = zip(
                    shapes, Concat(axis: axis).split(passes, shapes)
                ).map { Self.buffer($1, channels: $0.channels) }
            default:
                record.entries[index].masks = [Self.buffer(passes, channels: node.shape.channels)]
            }
        }
        return record
    }

    /// The record of an integer network by its oracle.
    static func record(_ network: QuantizedNetwork, _ oracle: GradientOracle) -> BackwardRecord {
        var record = BackwardRecord(nodes: network.graph.nodes.count)
        for (index, node) in network.graph.nodes.enumerated() {
            if case .maxPool(let window) = node.operation {
                let taps = ScalarReference.maxPoolIndices(
                    oracle.trace.values[node.inputs[0]],
                    shape: network.graph.shape(of: node.inputs[0]), window: window)
                let indices = AlignedBuffer(byteCount: 2 * taps.count)
                for (element, tap) in taps.enumerated() {
                    indices.uint16s[element] = UInt16(tap ?? 0xFFFF)
                }
                record.entries[index].indices = indices
            }
            (record.entries[index].operands, record.entries[index].slopes) = operands(
                of: node, index, network, oracle)
            record.entries[index].masks = buffers(
                oracle.passes(index), of: index, in: network.graph)
        }
        return record
    }

    /// Stored operands and slopes of a node as the backward pass takes them.
    private static func operands(
        of node: Node, _ index: Int, _ network: QuantizedNetwork, _ oracle: GradientOracle
    ) -> ([BackwardRecord.Operand?], [Float]) {
        let operands = node.inputs.map { value in
            network.activations[value].map { quantization in
                let bytes = oracle.trace.values[value]
                let buffer = AlignedBuffer(byteCount: bytes.count)
                for (element, byte) in bytes.enumerated() { buffer.bytes[element] = byte }
                return BackwardRecord.Operand(
                    values: buffer, quantization: GradientOracle.bytes(quantization))
            }
        }
        switch node.operation {
        case .activation(let function):
            return (operands, function.slopes(network.twinCall(index, oracle.trace.values)))
        case .multiply, .localResponseNormalization: return (operands, [])
        default: return ([], [])
        }
    }

    /// Masks of a node as the backward pass takes them.
    static func buffers(_ passes: [[Bool]], of index: Int, in graph: Graph) -> [AlignedBuffer?] {
        let node = graph.nodes[index]
        return passes.enumerated().map { operand, passes in
            let isConcat = if case .concat = node.operation { true } else { false }
            let channels =
                isConcat ? graph.shape(of: node.inputs[operand]).channels : node.shape.channels
            return buffer(passes, channels: channels)
        }
    }

    private static func buffer(_ passes: [Bool], channels: Int) -> AlignedBuffer {
        let bytes = ScalarReference.packed(passes, channels: channels)
        let buffer = AlignedBuffer(byteCount: bytes.count)
        for (index, byte) in bytes.enumerated() { buffer.bytes[index] = byte }
        return buffer
    }

    private func norm(_ values: [Double]) -> Double {
        values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// Central differences of a linear loss along random directions of each layer's biases. The
    /// loss is linear between kinks, so a small step leaves only rounding.
    @Test func equalsFiniteDifferences() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for (seed, quantized) in GradientExecutorTests.networks(40, using: &generator) {
            let network = DoubleNetwork(quantized)
            let graph = network.graph
            let pass = BackwardPass(
                graph: graph, weights: quantized.parameters.map { $0?.dequantizedWeights })
            let image = randomImages(1, for: graph, using: &generator)[0].map(Double.init)
            let trace = network.run(image)
            let gradient = GradientExecutorTests.outputGradient(graph, using: &generator)
            var record = record(network, trace)
            var sums = GradientExecutorTests.zeros(quantized)
            pass.run(gradient, record: &record, into: &sums, workspace: Workspace())
            func loss(_ network: DoubleNetwork) -> Double {
                zip(network.run(image).values[graph.outputs[0].value], gradient).reduce(0) {
                    $0 + $1.0 * Double($1.1)
                }
            }
            // Each of the two losses is rounded: by no more than so many units in the last place of
            // the sum of its terms' magnitudes, which the quotient magnifies.
            let magnitude = zip(network.run(image).values[graph.outputs[0].value], gradient)
                .reduce(0) { $0 + abs($1.0 * Double($1.1)) }
            for (layer, node) in graph.convolutions.enumerated() {
                for step in [1e-6, 1e-7] {
                    let rounding = 16 * Double.ulpOfOne * magnitude / step
                    let direction = sums[layer].map { _ in Double(generator.unit()) }
                    var (up, down) = (network, network)
                    for channel in direction.indices {
                        up.biases[node]?[channel] += step * direction[channel]
                        down.biases[node]?[channel] -= step * direction[channel]
                    }
                    let difference = (loss(up) - loss(down)) / (2 * step)
                    let expected = zip(sums[layer], direction).reduce(0) { $0 + $1.0 * $1.1 }
                    let size = norm(sums[layer]) * norm(direction)
                    #expect(
                        abs(difference - expected) <= 1e-4 * size + 1e-5 + rounding,
                        "layer \(layer), seed \(seed): \(difference), \(expected), \(rounding)")
                }
            }
        }
    }

    /// With no masks at all the finite differences must not be met: the test above can fail.
    @Test func withoutMasksTheGradientIsAnother() {
        var generator = SeededGenerator(seed: TestSeed.value)
        var differing = 0
        for (_, quantized) in GradientExecutorTests.networks(20, using: &generator) {
            let network = DoubleNetwork(quantized)
            let pass = BackwardPass(
                graph: network.graph, weights: quantized.parameters.map { $0?.dequantizedWeights })
            let image = randomImages(1, for: network.graph, using: &generator)[0].map(Double.init)
            let gradient = GradientExecutorTests.outputGradient(network.graph, using: &generator)
            var record = record(network, network.run(image))
            var open = record
            for index in open.entries.indices { open.entries[index].masks = [] }
            var (sums, unmasked) = (
                GradientExecutorTests.zeros(quantized), GradientExecutorTests.zeros(quantized)
            )
            pass.run(gradient, record: &record, into: &sums, workspace: Workspace())
            pass.run(gradient, record: &open, into: &unmasked, workspace: Workspace())
            if zip(sums, unmasked).contains(where: { pair in
                let apart = zip(pair.0, pair.1).map { $0 - $1 }
                return norm(apart) > 0.1 * norm(pair.0)
            }) {
                differing += 1
            }
        }
        #expect(differing >= 10)
    }
}
