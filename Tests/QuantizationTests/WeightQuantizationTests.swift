// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import TestSupport
import Testing

@testable import Quantization

@Suite struct WeightQuantizationTests {
    @Test(arguments: [4, 5, 6, 7, 8], WeightSymmetry.allCases)
    func errorStaysWithinHalfAStep(bits: Int, symmetry: WeightSymmetry) {
        var generator = SeededGenerator(seed: TestSeed.value)
        let quantizer = WeightQuantizer(symmetry: symmetry, bits: bits)
        for _ in 0..<200 {
            let weights = (0..<37).map { _ in generator.unit() * 3 + 0.4 }
            let range = WeightRange(of: weights[...])
            let scale = quantizer.scale(of: range)
            let quantized = quantizer.quantize(weights, ranges: [range], scales: [scale])
            let limits =
                symmetry == .symmetric
                ? -(1 << (bits - 1)) + 1...(1 << (bits - 1)) - 1 : 0...(1 << bits) - 1
            for (weight, value) in zip(weights, quantized.values) {
                #expect(limits.contains(Int(value)))
                let real = Double(Int(value) - quantized.zeroPoints[0]) * Double(scale)
                // The zero point rounds too, so the outermost level may lie one half step inside.
                #expect(abs(real - Double(weight)) <= Double(scale) * 1.0001)
            }
            if symmetry == .symmetric { #expect(quantized.zeroPoints == [0]) }
            #expect(
                quantizer.quantize([0], ranges: [range], scales: [scale]).values.map(Int.init)
                    == quantized.zeroPoints)
        }
    }

    /// Groups of any size, whose last lanes reach into the next group or behind all.
    @Test(arguments: [4, 8], WeightSymmetry.allCases)
    func vectorsEqualTheFormulaWeightByWeight(bits: Int, symmetry: WeightSymmetry) {
        var generator = SeededGenerator(seed: TestSeed.value)
        let quantizer = WeightQuantizer(symmetry: symmetry, bits: bits)
        for size in 1...19 {
            let groups = 3
            // Halves of a step are ties; some weights lie outside of the range.
            let scales: [Float] = (0..<groups).map { 0.25 * Float($0 + 1) }
            let weights = (0..<groups * size).map { index in
                (generator.unit() * 600).rounded() / 2 * scales[index / size]
            }
            let ranges = (0..<groups).map { group -> WeightRange in
                let members = weights[group * size..<(group + 1) * size]
                let range = WeightRange(of: members)
                #expect(
                    range.lowest == min(members.min() ?? 0, 0),
                    "size \(size), seed \(TestSeed.value)")
                #expect(
                    range.highest == max(members.max() ?? 0, 0),
                    "size \(size), seed \(TestSeed.value)")
                return WeightRange(lowest: -1 * scales[group], highest: 12 * scales[group])
            }
            let quantized = quantizer.quantize(weights, ranges: ranges, scales: scales)
            let expected = weights.enumerated().map { index, weight in
                let level = (weight / scales[index / size]).rounded(.toNearestOrEven)
                return Int16(
                    min(
                        max(
                            level + Float(quantized.zeroPoints[index / size]),
                            Float(quantizer.levels.lowerBound)),
                        Float(quantizer.levels.upperBound)))
            }
            #expect(quantized.values == expected, "size \(size), seed \(TestSeed.value)")
        }
    }

    @Test func perChannelScalesFollowTheirChannel() throws {
        let network = SmallNetwork.everything(seed: 3)
        let quantized = try Self.quantize(
            network, QuantizationScheme(granularity: .channel, symmetry: .symmetric))
        for node in network.graph.convolutions {
            let float = try #require(network.parameters[node])
            let integer = try #require(quantized.parameters[node])
            let taps = float.weights.count / float.bias.count
            #expect(integer.scales.count == float.bias.count)
            for channel in float.bias.indices {
                let largest =
                    float.weights[channel * taps..<(channel + 1) * taps].map(abs).max() ?? 0
                #expect(integer.scales[channel] == Float(Double(largest) / 127))
            }
        }
    }

    @Test func hugeBiasesWidenTheWeightScaleInsteadOfOverflowing() throws {
        var small = SmallNetwork(input: TensorShape(height: 2, width: 2, channels: 1), seed: 1)
        small.convolve(0, channels: 2)
        var network = small.network()
        network.parameters[0] = FloatParameters(weights: [1e-20, 1], bias: [5, 1])
        let quantized = try Self.quantize(
            network, QuantizationScheme(granularity: .channel, symmetry: .symmetric))
        let parameters = try #require(quantized.parameters[0])
        let input = try #require(quantized.activations[0])
        for (channel, bias) in parameters.bias.enumerated() {
            let real = Double(bias) * Double(input.scale * parameters.scale(channel: channel))
            #expect(abs(real - [5, 1][channel]) < 1e-4)
        }
        #expect(
            BiasQuantization.firstOverflow(
                parameters: parameters, inputZeroPoint: input.unsignedZeroPoint) == nil)
    }

    @Test func nonFiniteRangeNamesTheLayer() {
        let network = SmallNetwork.everything(seed: 4)
        var extrema = Self.extrema(network)
        extrema.upper[2][5] = .infinity
        let error = #expect(throws: QuantizationError.self) {
            try QuantizedNetwork(
                quantizing: network, inputRanges: [ActivationRange(lower: -1, upper: 1)],
                ranges: extrema.ranges, scheme: QuantizationScheme())
        }
        #expect(error?.layer == "node2")
        #expect(error?.description.contains("preprocessing") == true)
    }

    @Test func overflowCheckIsExact() {
        // 255 * 32,768 taps of 255 exceed int32; one tap fewer of weight 1 does not.
        let taps = 33_026
        var parameters = QuantizedParameters(
            weights: [Int16](repeating: 255, count: taps), type: .uint8, scales: [1],
            zeroPoints: [0], bias: [0])
        #expect(BiasQuantization.firstOverflow(parameters: parameters, inputZeroPoint: 0) == 0)
        parameters.weights = [255]
        parameters.bias = [Int32.max - 255 * 255]
        #expect(BiasQuantization.firstOverflow(parameters: parameters, inputZeroPoint: 0) == nil)
        parameters.bias = [Int32.max - 255 * 255 + 1]
        #expect(BiasQuantization.firstOverflow(parameters: parameters, inputZeroPoint: 0) == 0)
        // A zero point in the middle halves the reach of the input.
        #expect(BiasQuantization.firstOverflow(parameters: parameters, inputZeroPoint: 128) == nil)
    }

    static func extrema(_ network: FloatNetwork) -> ChannelExtrema {
        ChannelExtrema(
            lower: network.graph.nodes.map {
                [Float](repeating: $0.clamp.lower ?? -2, count: $0.shape.channels)
            },
            upper: network.graph.nodes.map { [Float](repeating: 3, count: $0.shape.channels) })
    }

    static func quantize(_ network: FloatNetwork, _ scheme: QuantizationScheme) throws
        -> QuantizedNetwork
    {
        try QuantizedNetwork(
            quantizing: network, inputRanges: [ActivationRange(lower: -1, upper: 1)],
            ranges: extrema(network).ranges, scheme: scheme)
    }
}
