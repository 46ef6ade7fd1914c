// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct BiasPredictionTests {
    private static func network(_ generator: inout SeededGenerator, groups: Int) -> FloatNetwork {
        let shape = TensorShape(height: 2, width: 2, channels: 12)
        let window = Window(kernelHeight: 1, kernelWidth: 1)
        let nodes = (0..<2).map { index in
            Node(
                name: "layer\(index)",
                operation: .convolution(Convolution(window: window, groups: groups)),
                inputs: [index], clamp: Clamp(lower: 0), shape: shape)
        }
        let parameters = nodes.map { _ in
            FloatParameters(
                weights: (0..<144 / groups).map { _ in Float.random(in: -1...1, using: &generator)
                },
                bias: (0..<12).map { _ in Float.random(in: -1...1, using: &generator) })
        }
        return FloatNetwork(
            graph: Graph(
                name: "prediction",
                input: Graph.Input(name: "input", shape: shape, layout: .nchw), nodes: nodes,
                output: Graph.Output(name: "output", value: 2, rank: 4)),
            parameters: parameters)
    }

    /// Means in front of the activation are those of the float network, up to half a step of the
    /// bias.
    @Test(arguments: [1, 3, 12], [Granularity.tensor, .channel])
    func makesUpForWhatWeightsLost(groups: Int, granularity: Granularity) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let float = Self.network(&generator, groups: groups)
        let range = ActivationRange(lower: 0, upper: 4)
        let quantized = try QuantizedNetwork(
            quantizing: float, inputRanges: [range], ranges: [range, range],
            scheme: QuantizationScheme(
                granularity: granularity, symmetry: .asymmetric, weightBits: 4))
        let means = (0..<2).map { _ in
            (0..<12).map { _ in Double.random(in: 0...4, using: &generator) }
        }
        let predicted = quantized.predictedBiases(
            float: float, means: means, limits: quantized.biasLimits)
        let layer = try #require(quantized.parameters[1])
        let given = try #require(float.parameters[1])
        // Nothing is known of the network's input.
        #expect(predicted[0] == quantized.parameters[0]?.bias)
        // A depthwise layer of one tap has a scale for every weight.
        #expect((predicted[1] == layer.bias) == (groups == 12 && granularity == .channel))
        let input = try #require(quantized.activations[1])
        let depth = 12 / groups
        for channel in 0..<12 {
            let step = Double(
                BiasQuantization.scale(input: input.scale, weight: layer.scale(channel: channel)))
            var (real, integer) = (Double(given.bias[channel]), 0.0)
            for tap in 0..<depth {
                let mean = means[0][channel / depth * depth + tap]
                let index = channel * depth + tap
                real += Double(given.weights[index]) * mean
                integer +=
                    Double(Int(layer.weights[index]) - layer.zeroPoint(channel: channel))
                    * Double(layer.scale(channel: channel)) * mean
            }
            #expect(
                abs(integer + Double(predicted[1][channel]) * step - real) <= 0.501 * step,
                "seed \(TestSeed.value)")
        }
    }

    @Test func keepsBiasesThatHaveNoRoom() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let float = Self.network(&generator, groups: 1)
        let range = ActivationRange(lower: 0, upper: 4)
        let quantized = try QuantizedNetwork(
            quantizing: float, inputRanges: [range], ranges: [range, range],
            scheme: QuantizationScheme(weightBits: 4))
        let means = [[Double](repeating: 4, count: 12), [Double](repeating: 4, count: 12)]
        let predicted = quantized.predictedBiases(
            float: float, means: means, limits: quantized.biasLimits.map { $0.map { _ in 0 } })
        #expect(predicted == BiasState(of: quantized).layers)
    }

    /// A raised bias raises the output by one step.
    @Test func outputStepsAreThoseOfTheOutput() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let range = ActivationRange(lower: 0, upper: 4)
        let quantized = try QuantizedNetwork(
            quantizing: Self.network(&generator, groups: 1), inputRanges: [range],
            ranges: [range, range], scheme: QuantizationScheme(granularity: .channel))
        let output = try #require(quantized.activations[2])
        let input = try #require(quantized.activations[1])
        let layer = try #require(quantized.parameters[1])
        for (channel, step) in quantized.outputStep(1).enumerated() {
            let real = Double(step) * Double(input.scale) * Double(layer.scale(channel: channel))
            #expect(abs(real / Double(output.scale) - 1) < 0.01)
        }
    }
}
