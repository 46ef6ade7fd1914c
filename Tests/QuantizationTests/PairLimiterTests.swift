// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import TestSupport
import Testing

@testable import Quantization

/// Sums of two products in 16 bits, as processors without VNNI form them.
@Suite struct PairLimiterTests {
    /// `vpmaddubsw` of one pair.
    private static func saturated(_ x: (Int32, Int32), _ w: (Int32, Int32)) -> Int32 {
        min(max(x.0 * w.0 + x.1 * w.1, -32_768), 32_767)
    }

    private static func pairs(
        kernel: Int = 1, channels: Int, outputs: Int, groups: Int = 1,
        isFullyConnected: Bool = false, largest: [UInt8]? = nil
    ) -> ProductPairs? {
        let convolution = Convolution(
            window: Window(kernelHeight: kernel, kernelWidth: kernel), groups: groups,
            isFullyConnected: isFullyConnected)
        let node = Node(
            name: "layer", operation: .convolution(convolution), inputs: [0],
            shape: TensorShape(height: 1, width: 1, channels: outputs))
        return ProductPairs(
            of: node, input: TensorShape(height: kernel, width: kernel, channels: channels),
            largest: largest ?? [UInt8](repeating: 255, count: channels))
    }

    private static func listed(_ pairs: ProductPairs?) -> [[Int]]? {
        pairs?.pairs.map { [$0.first, $0.second] }
    }

    @Test func neighboursAlongTheReductionArePairs() {
        #expect(Self.listed(Self.pairs(channels: 4, outputs: 1)) == [[0, 1], [2, 3]])
        #expect(
            Self.listed(Self.pairs(kernel: 2, channels: 2, outputs: 1))
                == [[0, 1], [2, 3], [4, 5], [6, 7]])
        // Odd: who begins anew with every pixel has other pairs than who does not.
        #expect(Self.listed(Self.pairs(channels: 3, outputs: 1)) == [[0, 1], [1, 2]])
        // One channel of pixels is no depthwise convolution.
        let pixels = Self.pairs(kernel: 2, channels: 1, outputs: 2)
        #expect(Self.listed(pixels) == [[0, 1], [1, 2], [2, 3]])
        // Groups of two channels; depthwise ones have nothing to add, those with several outputs a
        // channel do.
        #expect(Self.listed(Self.pairs(channels: 4, outputs: 4, groups: 2)) == [[0, 1]])
        #expect(Self.pairs(kernel: 2, channels: 4, outputs: 4, groups: 4) == nil)
        #expect(Self.pairs(kernel: 2, channels: 4, outputs: 8, groups: 4) != nil)
        // Gemm: channels slowest, so neighbours lie in neighbouring pixels.
        #expect(
            Self.listed(Self.pairs(kernel: 2, channels: 2, outputs: 1, isFullyConnected: true))
                == [[0, 2], [4, 6], [1, 3], [5, 7]])
    }

    @Test func everyGroupMeetsItsOwnChannels() throws {
        let pairs = try #require(
            Self.pairs(channels: 4, outputs: 4, groups: 2, largest: [1, 2, 3, 4]))
        #expect((0..<4).map(pairs.reach(ofOutput:)) == [[1, 2], [1, 2], [3, 4], [3, 4]])
    }

    @Test func fewImagesLeaveMoreRoom() {
        let quantization = TensorQuantization(scale: 1, zeroPoint: 10, type: .uint8)
        let extrema = ChannelExtrema(lower: [[0, -9, -9]], upper: [[100, 200, -1]])
        func largest(_ images: Int) -> [UInt8] {
            ActivationReach(extrema: extrema, images: images)
                .largest(ofNode: 0, quantization)
        }
        #expect(largest(4) == [160, 255, 10])
        #expect(largest(100) == [120, 230, 10])
    }

    @Test(arguments: [Granularity.tensor, .channel], [6, 7, 32])
    func noPairSaturates(granularity: Granularity, channels: Int) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let quantizer = WeightQuantizer(symmetry: .symmetric, bits: 8)
        var limitedPairs = 0
        for _ in 0..<20 {
            let (outputs, kernel) = (3, 2)
            let largest = (0..<channels).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let pairs = try #require(
                Self.pairs(kernel: kernel, channels: channels, outputs: outputs, largest: largest))
            let taps = kernel * kernel * channels
            let float = (0..<outputs * taps).map { _ in generator.unit() }
            let importance = float.map { _ in generator.unit() + 1 }
            let groups = granularity == .tensor ? 1 : outputs
            let size = float.count / groups
            let ranges = (0..<groups).map {
                WeightRange(of: float[$0 * size..<($0 + 1) * size])
            }
            let given = quantizer.quantize(
                float, ranges: ranges, scales: ranges.map(quantizer.scale))
            let (limited, cost) = PairLimiter(pairs: pairs, quantizer: quantizer).limit(
                given, float: float, importance: importance)

            for output in 0..<outputs {
                let first = output * taps
                for pair in pairs.pairs {
                    let weights = (
                        Int32(limited.values[first + pair.first]),
                        Int32(limited.values[first + pair.second])
                    )
                    let reach = (
                        Int32(largest[pair.first % channels]),
                        Int32(largest[pair.second % channels])
                    )
                    // A linear sum is largest, of either sign, at a corner.
                    for x in [reach, (reach.0, 0), (0, reach.1)] {
                        #expect(
                            Self.saturated(x, weights) == x.0 * weights.0 + x.1 * weights.1,
                            "seed \(TestSeed.value)")
                    }
                }
                let isTouched = pairs.exceed(given.values[first..<first + taps], output: output)
                limitedPairs += isTouched ? 1 : 0
                if !isTouched, granularity == .channel {
                    #expect(
                        limited.values[first..<first + taps] == given.values[first..<first + taps])
                    #expect(limited.scales[output] == given.scales[output])
                }
            }
            func error(_ weights: QuantizedWeights) -> Double {
                float.indices.reduce(0) { sum, index in
                    let scale = weights.scales[index / size]
                    let difference = Float(weights.values[index]) * scale - float[index]
                    return sum + Double(importance[index] * difference * difference)
                }
            }
            #expect(
                abs(cost - max(error(limited) / error(given), 1)) < 1e-6 * cost,
                "seed \(TestSeed.value)")
            // Half of the range, which some tools take for the purpose, costs more.
            let halves = WeightQuantizer(symmetry: .symmetric, bits: 7)
            let coarse = halves.quantize(float, ranges: ranges, scales: ranges.map(halves.scale))
            #expect(error(limited) <= error(coarse), "seed \(TestSeed.value)")
        }
        #expect(limitedPairs > 0)
    }

    /// One pair: every scale up to the first with which it fits, with every two integers that do.
    @Test func twoWeightsHaveTheLeastError() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let quantizer = WeightQuantizer(symmetry: .symmetric, bits: 8)
        let pairs = try #require(Self.pairs(channels: 2, outputs: 1, largest: [255, 200]))
        for _ in 0..<40 {
            let float: [Float] = [1, Float.random(in: 0.3...1, using: &generator)]
            let importance: [Float] = [1, Float.random(in: 0.1...10, using: &generator)]
            let range = WeightRange(of: float[...])
            let scale = quantizer.scale(of: range)
            let given = quantizer.quantize(float, ranges: [range], scales: [scale])
            let (limited, _) = PairLimiter(pairs: pairs, quantizer: quantizer).limit(
                given, float: float, importance: importance)
            func error(_ first: Int, _ second: Int, _ scale: Float) -> Float {
                let lost = (Float(first) * scale - float[0], Float(second) * scale - float[1])
                return importance[0] * (lost.0 * lost.0) + importance[1] * (lost.1 * lost.1)
            }
            var least = Float.infinity
            for step in 0...50 {
                let scale = scale * (1 + 0.02 * Float(step))
                for first in 0...127 {
                    for second in 0...127 where 255 * first + 200 * second <= 32_767 {
                        least = min(least, error(first, second, scale))
                    }
                }
                let rounded = float.map { ($0 / scale).rounded(.toNearestOrEven) }
                if 255 * rounded[0] + 200 * rounded[1] <= 32_767 { break }
            }
            let found = error(
                Int(limited.values[0]), Int(limited.values[1]), limited.scales[0])
            #expect(abs(found - least) <= 1e-5 * least, "seed \(TestSeed.value)")
        }
    }

    // MARK: Networks

    private static func quantized(
        _ storage: WeightStorage, _ saturation: WeightSaturation = .avoid, bits: Int = 8
    ) throws -> (network: QuantizedNetwork, reach: ActivationReach) {
        let float = SmallNetwork.everything(seed: 5)
        let extrema = WeightQuantizationTests.extrema(float)
        let reach = ActivationReach(extrema: extrema, images: 4)
        let network = try QuantizedNetwork(
            quantizing: float, inputRanges: [ActivationRange(lower: -1, upper: 1)],
            ranges: extrema.ranges, reach: reach,
            scheme: QuantizationScheme(
                granularity: .channel, symmetry: .symmetric, weightBits: bits,
                weightStorage: storage, weightSaturation: saturation))
        return (network, reach)
    }

    @Test func whatCanSaturateIsSaid() throws {
        let (allowed, reach) = try Self.quantized(.int8, .allow)
        #expect(!allowed.saturatingLayers(reach).isEmpty)
        for storage in WeightStorage.allCases {
            let (network, reach) = try Self.quantized(storage)
            #expect(network.saturatingLayers(reach) == [])
        }
        // 2 · 63 · 255 fits.
        let narrow = try Self.quantized(.int8, .allow, bits: 7).network
        #expect(narrow.saturatingLayers(reach) == [])
        #expect(try Self.quantized(.int8, .avoid, bits: 7).network == narrow)
    }

    @Test func uint8HoldsTheSameIntegers() throws {
        let signed = try Self.quantized(.int8, .allow).network
        let unsigned = try Self.quantized(.uint8).network
        for node in signed.graph.convolutions {
            let (signed, unsigned) = (
                try #require(signed.parameters[node]), try #require(unsigned.parameters[node])
            )
            #expect(unsigned.type == .uint8)
            #expect(unsigned.weights == signed.weights.map { $0 + 128 })
            #expect(Set(unsigned.zeroPoints) == [128])
            #expect(unsigned.scales == signed.scales)
            #expect(unsigned.bias == signed.bias)
        }
    }

    @Test func automaticTakesUInt8WhereLimitsCostMuch() throws {
        let chosen = try Self.quantized(.automatic).network
        let limited = try Self.quantized(.int8).network
        let unsigned = try Self.quantized(.uint8).network
        let types = chosen.parameters.compactMap { $0?.type }
        #expect(Set(types) == [.int8, .uint8])
        for node in chosen.graph.convolutions {
            #expect(
                chosen.parameters[node] == limited.parameters[node]
                    || chosen.parameters[node] == unsigned.parameters[node])
        }
    }
}
