// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import Foundation
import NetworkGraph
import ONNXImport
import Quantization
import TestSupport
import Testing

/// Equalization changes scales, not the function.
@Suite struct EqualizationTests {
    /// Statistics of every node over some images, straight from the executor.
    private static func statistics(
        _ network: FloatNetwork, _ images: [[Float]]
    ) -> EqualizationStatistics {
        let executor = FloatExecutor(network)
        let nodes = network.graph.nodes
        var lower = nodes.map { [Float](repeating: .infinity, count: $0.shape.channels) }
        var upper = nodes.map { [Float](repeating: -.infinity, count: $0.shape.channels) }
        var sums = nodes.map { [Double](repeating: 0, count: $0.shape.channels) }
        var squares = sums
        let workspace = Workspace()
        for image in images {
            var run = executor.start(image, workspace: workspace)
            for (index, node) in nodes.enumerated() {
                let values = run.step(workspace: workspace)
                for element in 0..<node.shape.count {
                    let (channel, value) = (element % node.shape.channels, values[element])
                    lower[index][channel] = min(lower[index][channel], value)
                    upper[index][channel] = max(upper[index][channel], value)
                    sums[index][channel] += Double(value)
                    squares[index][channel] += Double(value) * Double(value)
                }
            }
            _ = run.finish(workspace: workspace)
        }
        var (means, deviations) = (sums, squares)
        for (index, node) in nodes.enumerated() {
            let count = Double(images.count * node.shape.pixels)
            for channel in 0..<node.shape.channels {
                means[index][channel] = sums[index][channel] / count
                deviations[index][channel] =
                    max(
                        squares[index][channel] / count - means[index][channel]
                            * means[index][channel], 0
                    )
                    .squareRoot()
            }
        }
        return EqualizationStatistics(
            extrema: ChannelExtrema(lower: lower, upper: upper), means: means,
            deviations: deviations)
    }

    /// Largest difference of the outputs, as a share of the largest output.
    private static func difference(
        _ first: FloatNetwork, _ second: FloatNetwork, on images: [[Float]]
    ) -> Float {
        let (one, other) = (FloatExecutor(first), FloatExecutor(second))
        let workspace = Workspace()
        var (largest, difference): (Float, Float) = (0, 0)
        for image in images {
            let expected = one.run(image, workspace: workspace)
            let found = other.run(image, workspace: workspace)
            for (x, y) in zip(expected, found) {
                largest = max(largest, abs(x))
                difference = max(difference, abs(x - y))
            }
        }
        return largest > 0 ? difference / largest : difference
    }

    private static func images(_ count: Int, _ shape: TensorShape, seed: UInt64) -> [[Float]] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in (0..<shape.count).map { _ in generator.unit() } }
    }

    @Test(arguments: EqualizationMethod.allCases, Granularity.allCases)
    func theFunctionStays(method: EqualizationMethod, granularity: Granularity) {
        for offset in 0..<20 as Range<UInt64> {
            let seed = TestSeed.value &+ offset
            let network = SmallNetwork.everything(seed: seed)
            let images = Self.images(4, network.graph.inputs[0].shape, seed: seed &+ 1)
            let equalization = Equalization(
                of: network, method: method, statistics: Self.statistics(network, images),
                granularity: granularity, dead: [])
            // No channel of these networks is read by depthwise layers alone.
            if method != .leastNoise || granularity == .tensor {
                #expect(equalization.layers.contains { $0.scaledChannels > 0 })
            }
            let difference = Self.difference(network, equalization.network, on: images)
            #expect(difference < 2e-5, "seed \(seed): \(difference)")
        }
    }

    /// What additions, concatenations and products tie to the network's input or output.
    @Test(arguments: EqualizationMethod.allCases)
    func theFunctionStaysWhereScalesArePinned(method: EqualizationMethod) {
        let input = TensorShape(height: 6, width: 6, channels: 4)
        func pinned(_ build: (inout SmallNetwork) -> Void) -> FloatNetwork {
            var small = SmallNetwork(input: input, seed: TestSeed.value)
            build(&small)
            return small.network()
        }
        let networks = [
            pinned { small in
                let first = small.convolve(0, channels: 4, kernel: 3)
                let sum = small.append(.add, [0, first], shape: input)
                small.convolve(sum, channels: 3)
            },
            pinned { small in
                let first = small.convolve(0, channels: 4, kernel: 3)
                let second = small.convolve(first, channels: 4, kernel: 3)
                small.append(.add, [first, second], shape: input)
            },
            pinned { small in
                let first = small.convolve(0, channels: 4, kernel: 3)
                let swish = small.append(.activation(.hardSwish), [first], shape: input)
                let third = small.convolve(first, channels: 4)
                let product = small.append(.multiply, [swish, third], shape: input)
                small.convolve(product, channels: 3)
            },
        ]
        let images = Self.images(4, input, seed: TestSeed.value &+ 1)
        for (index, network) in networks.enumerated() {
            let equalization = Equalization(
                of: network, method: method, statistics: Self.statistics(network, images),
                granularity: .tensor, dead: [])
            #expect(equalization.layers.allSatisfy { $0.scaledChannels == 0 })
            let isSame = equalization.network == network
            #expect(isSame, "network \(index)")
        }
    }

    /// Rows of one layer between 1 and 1/64 of its range, ReLU behind all.
    private static func unbalanced(seed: UInt64, padded: Bool = true) -> FloatNetwork {
        var small = SmallNetwork(input: TensorShape(height: 6, width: 6, channels: 3), seed: seed)
        let relu = Clamp(lower: 0)
        let first = small.convolve(0, channels: 8, kernel: 3, clamp: relu)
        let second = small.convolve(
            first, channels: 8, kernel: padded ? 3 : 1, groups: 8, clamp: relu)
        small.convolve(second, channels: 5)
        var network = small.network()
        for channel in 0..<8 {
            let factor = Float(1) / Float(1 << (channel % 7))
            for tap in 0..<27 { network.parameters[0]?.weights[channel * 27 + tap] *= factor }
            network.parameters[0]?.bias[channel] = 0.3 * factor
        }
        return network
    }

    @Test func oneStepFillsRangesAndWidensNone() throws {
        let network = Self.unbalanced(seed: 5)
        let images = Self.images(4, network.graph.inputs[0].shape, seed: 6)
        let before = Self.statistics(network, images)
        let equalization = Equalization(
            of: network, method: .oneStep, statistics: before, granularity: .tensor, dead: [])
        let after = Self.statistics(equalization.network, images)
        for (old, new) in zip(before.extrema.ranges, after.extrema.ranges).dropLast() {
            #expect(new.upper <= old.upper * 1.0001 && new.lower >= old.lower * 1.0001)
        }
        let old = try #require(network.parameters[0]).weights.map(abs)
        let new = try #require(equalization.network.parameters[0]).weights.map(abs)
        #expect(try #require(new.max()) <= #require(old.max()) * 1.0001)
        #expect(new.reduce(0, +) > 1.5 * old.reduce(0, +))
        #expect(equalization.layers[0].largestScale <= 16)
        #expect(equalization.layers.last?.reason?.contains("output") == true)
    }

    /// One weight scale per channel: what a depthwise layer reads fills its range, and nothing else
    /// changes.
    @Test func leastNoisePerChannelFillsWhatDepthwiseLayersRead() throws {
        let network = Self.unbalanced(seed: 11)
        let images = Self.images(4, network.graph.inputs[0].shape, seed: 12)
        let before = Self.statistics(network, images).extrema
        let equalization = Equalization(
            of: network, method: .leastNoise, statistics: Self.statistics(network, images),
            granularity: .channel, dead: [])
        let after = Self.statistics(equalization.network, images).extrema
        let range = before.ranges[0].upper
        for (old, new) in zip(before.upper[0], after.upper[0]) {
            #expect(abs(new / min(range, old * 16) - 1) < 1e-5)
        }
        #expect(equalization.layers.map(\.scaledChannels) == [7, 0, 0])
        #expect(equalization.network.parameters[2] == network.parameters[2])
        #expect(Self.difference(network, equalization.network, on: images) < 2e-5)
    }

    @Test func crossLayerBalancesRows() throws {
        let network = Self.unbalanced(seed: 7)
        let images = Self.images(4, network.graph.inputs[0].shape, seed: 8)
        let equalization = Equalization(
            of: network, method: .crossLayer, statistics: Self.statistics(network, images),
            granularity: .tensor, dead: [])
        let first = try #require(equalization.network.parameters[0]).weights
        let second = try #require(equalization.network.parameters[1]).weights
        let third = try #require(equalization.network.parameters[2]).weights
        func share(_ part: ArraySlice<Float>, of layer: [Float]) throws -> Float {
            try #require(part.map(abs).max()) / #require(layer.map(abs).max())
        }
        for channel in 0..<8 {
            let row = try share(first[channel * 27..<channel * 27 + 27], of: first)
            let depthwise = try share(second[channel * 9..<channel * 9 + 9], of: second)
            let column = try share((0..<5).map { third[$0 * 8 + channel] }[...], of: third)
            #expect(abs(row / depthwise - 1) < 0.02)
            #expect(abs(depthwise / column - 1) < 0.02)
        }
    }

    @Test func absorptionTakesTheConstantPartAway() throws {
        var network = Self.unbalanced(seed: 9, padded: false)
        for channel in 0..<4 { network.parameters[0]?.bias[channel] = 40 }
        let images = Self.images(4, network.graph.inputs[0].shape, seed: 10)
        let statistics = Self.statistics(network, images)
        let equalization = Equalization(
            of: network, method: .crossLayer, statistics: statistics, granularity: .tensor,
            dead: [])
        #expect(equalization.layers[0].absorbedChannels == 4)
        #expect(Self.difference(network, equalization.network, on: images) < 2e-5)
        let scale = equalization.layers[0].largestScale
        let after = Self.statistics(equalization.network, images)
        #expect(after.means[0][0] < statistics.means[0][0] * Double(scale) / 2)
        // Zeros around the picture are no constant.
        var padded = Self.unbalanced(seed: 9)
        padded.parameters[0]?.bias[0] = 40
        let kept = Equalization(
            of: padded, method: .crossLayer, statistics: Self.statistics(padded, images),
            granularity: .tensor, dead: [])
        #expect(kept.layers[0].absorbedChannels == 0)
    }

    @Test func channelsAtTheCapKeepTheirScale() throws {
        var small = SmallNetwork(input: TensorShape(height: 4, width: 4, channels: 2), seed: 3)
        let first = small.convolve(0, channels: 6, clamp: Clamp(lower: 0, upper: 6))
        small.convolve(first, channels: 3)
        var network = small.network()
        network.parameters[0]?.bias[2] = 20
        let images = Self.images(3, network.graph.inputs[0].shape, seed: 4)
        for method in EqualizationMethod.allCases {
            let equalization = Equalization(
                of: network, method: method, statistics: Self.statistics(network, images),
                granularity: .tensor, dead: [])
            #expect(equalization.network.parameters[0]?.bias[2] == 20)
            #expect(
                equalization.layers[0].reason == "1: channels that reach their clamp's upper bound")
            #expect(Self.difference(network, equalization.network, on: images) < 2e-5)
        }
    }

    /// Their statistics are taken element by element here, which takes minutes without
    /// optimization.
    private static var takesRealModels: Bool {
        #if DEBUG
            print("SKIPPED: real models are equalized in optimized builds only.")
            return false
        #else
            return Resources.hasSharedModels
        #endif
    }

    /// The real models, on images of noise within the pixels' range.
    @Test(
        .enabled(if: takesRealModels, "needs ../shared/models and an optimized build"),
        arguments: [
            "mobilenet_v1_1.0_224.onnx", "mobilenet_v2_1.0_224.onnx", "efficientnet_lite0.onnx",
        ], EqualizationMethod.allCases)
    func theFunctionOfRealModelsStays(file: String, method: EqualizationMethod) throws {
        let network = try ONNXImporter.loadFloatNetwork(
            path: Resources.sharedModels.appendingPathComponent(file).path)
        let images = Self.images(2, network.graph.inputs[0].shape, seed: 1)
        let equalization = Equalization(
            of: network, method: method, statistics: Self.statistics(network, images),
            granularity: .tensor, dead: [])
        #expect(equalization.layers.contains { $0.scaledChannels > 0 })
        let difference = Self.difference(network, equalization.network, on: images)
        #expect(difference < 1e-4, "\(file): \(difference)")
    }
}
