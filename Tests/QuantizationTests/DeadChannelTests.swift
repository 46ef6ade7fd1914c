// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct DeadChannelTests {
    private static func network(weights: [Float]) -> FloatNetwork {
        var small = SmallNetwork(input: TensorShape(height: 1, width: 1, channels: 1), seed: 1)
        small.convolve(0, channels: weights.count, clamp: Clamp(lower: 0))
        small.convolve(1, channels: 1)
        var network = small.network()
        network.parameters[0] = FloatParameters(
            weights: weights, bias: [Float](repeating: 0.5, count: weights.count))
        return network
    }

    private static func extrema(constant: Set<Int>, channels: Int) -> ChannelExtrema {
        ChannelExtrema(
            lower: [(0..<channels).map { constant.contains($0) ? 0.25 : 0 }, [0]],
            upper: [(0..<channels).map { constant.contains($0) ? 0.25 : 2 }, [1]])
    }

    @Test func onlyConstantChannelsThatWidenTheScaleGo() {
        var network = Self.network(weights: [1, -32, 0.5, 7])
        // 1 is constant and sets the range; 2 is constant and does not; 3 sets the range and
        // varies.
        let dead = DeadChannels.find(
            in: network, extrema: Self.extrema(constant: [1, 2], channels: 4),
            scheme: QuantizationScheme())
        #expect(dead.map(\.channels) == [[1]])
        #expect(dead.first?.constants == [0.25])
        #expect((dead.first?.scaleAfter ?? 1) < (dead.first?.scaleBefore ?? 0))
        DeadChannels.remove(dead, from: &network)
        #expect(network.parameters[0]?.weights == [1, 0, 0.5, 7])
        #expect(network.parameters[0]?.bias == [0.5, 0.25, 0.5, 0.5])
    }

    @Test func nothingToGainPerChannel() {
        let dead = DeadChannels.find(
            in: Self.network(weights: [1, -32]), extrema: Self.extrema(constant: [1], channels: 2),
            scheme: QuantizationScheme(granularity: .channel, symmetry: .symmetric))
        #expect(dead.isEmpty)
    }

    @Test func symmetricRangesCompareMagnitudes() {
        // -5 lies outside the others' range, yet inside its mirror image.
        let dead = DeadChannels.find(
            in: Self.network(weights: [6, -5]), extrema: Self.extrema(constant: [1], channels: 2),
            scheme: QuantizationScheme(symmetry: .symmetric))
        #expect(dead.isEmpty)
    }

    @Test func aLayerOfConstantsIsLeftAlone() {
        let dead = DeadChannels.find(
            in: Self.network(weights: [6, -5]),
            extrema: Self.extrema(constant: [0, 1], channels: 2),
            scheme: QuantizationScheme())
        #expect(dead.isEmpty)
    }
}
