// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization
import TestSupport
import Testing

@testable import Calibration

/// What an equalized job has from passes of the network as given is what passes of the equalized
/// network would give.
@Suite struct RescalingTests {
    private static let networks: [@Sendable (UInt64) -> FloatNetwork] = [
        SmallNetwork.everything(seed:), SmallNetwork.gated(seed:), absorbing(seed:),
    ]

    /// Half of the first layer's channels stay well above 0, and below the bound of ReLU6 where
    /// that is behind them.
    @Sendable private static func absorbing(seed: UInt64) -> FloatNetwork {
        var small = SmallNetwork(input: TensorShape(height: 6, width: 6, channels: 3), seed: seed)
        let clamp = seed % 2 == 0 ? Clamp(lower: 0) : Clamp(lower: 0, upper: 6)
        let first = small.convolve(0, channels: 8, kernel: 3, clamp: clamp)
        let second = small.convolve(first, channels: 8, groups: 8, clamp: Clamp(lower: 0))
        small.convolve(second, channels: 5)
        var network = small.network()
        for channel in 0..<8 {
            let factor = Float(0.1) / Float(1 << (channel % 7))
            for tap in 0..<27 { network.parameters[0]?.weights[channel * 27 + tap] *= factor }
            network.parameters[0]?.bias[channel] = channel < 4 ? 3 : 0.3 * factor
        }
        return network
    }

    private static func cluster(_ network: FloatNetwork, seed: UInt64) -> LocalCluster {
        LocalCluster(
            network: network, images: SmallNetwork.images(6, for: network, seed: seed),
            encoding: SmallNetwork.encoding(for: network))
    }

    private static func options(_ method: EqualizationMethod?) -> CalibrationOptions {
        var options = CalibrationOptions.test(match: nil, images: 6)
        options.equalization = method
        options.removesDeadChannels = false
        return options
    }

    /// By channel, what rounding may make of a value of the equalized network.
    private static func tolerances(
        _ given: NetworkStatistics, _ rescaling: ChannelRescaling, _ graph: Graph
    ) -> [Double] {
        let layout = ChannelLayout(graph)
        return graph.nodes.indices.flatMap { node in
            let count = Double(given.sumImages) * Double(graph.nodes[node].shape.pixels)
            let magnitudes = layout.range(node).map { channel in
                max(
                    abs(Double(given.lower[channel])), abs(Double(given.upper[channel])),
                    abs(given.sumsBefore[channel] / count))
            }
            let largest = magnitudes.max() ?? 0
            return zip(layout.range(node), magnitudes).map { channel, magnitude in
                Double(rescaling.scales[channel]) * (1e-5 * magnitude + 1e-6 * largest)
            }
        }
    }

    @Test(arguments: EqualizationMethod.allCases)
    func statisticsAreThoseOfTheEqualizedNetwork(method: EqualizationMethod) throws {
        var (scaled, absorbed) = (0, 0)
        for offset in 0..<8 as Range<UInt64> {
            let seed = TestSeed.value &+ offset
            for network in Self.networks.map({ $0(seed) }) {
                let cluster = Self.cluster(network, seed: seed &+ 1)
                var job = try cluster.job(Self.options(method))
                try cluster.step(&job)
                let (equalization, derived) = try (
                    #require(job.equalization), #require(job.statistics)
                )
                let given = try #require(job.progress.statistics)
                let rescaling = equalization.rescaling
                scaled += rescaling.scales.count { $0 != 1 }
                absorbed += rescaling.offsets.count { $0 != 0 }
                #expect(
                    rescaling.offsets.count { $0 != 0 }
                        == equalization.layers.map(\.absorbedChannels).reduce(0, +))

                let other = Self.cluster(equalization.network, seed: seed &+ 1)
                var plain = try other.job(Self.options(nil))
                try other.step(&plain)
                let own = try #require(plain.statistics)
                let tolerances = Self.tolerances(given, rescaling, network.graph)
                let layout = ChannelLayout(network.graph)
                #expect(derived.sumImages == own.sumImages)
                #expect(derived.inputs == own.inputs)
                for (node, shape) in network.graph.nodes.map(\.shape).enumerated() {
                    let count = Double(own.sumImages * shape.pixels)
                    for channel in layout.range(node) {
                        let tolerance = tolerances[channel]
                        func expect(_ found: Double, _ expected: Double, _ bound: Double) {
                            #expect(
                                abs(found - expected) <= bound,
                                "seed \(seed), node \(node), channel \(channel)")
                        }
                        let (lower, upper) = (own.lower[channel], own.upper[channel])
                        expect(Double(derived.lower[channel]), Double(lower), tolerance)
                        expect(Double(derived.upper[channel]), Double(upper), tolerance)
                        expect(
                            derived.sumsBefore[channel], own.sumsBefore[channel], tolerance * count)
                        expect(
                            derived.sumsAfter[channel], own.sumsAfter[channel], tolerance * count)
                        let largest =
                            Double(max(abs(lower), abs(upper)) + rescaling.offsets[channel])
                        expect(
                            derived.squaresAfter[channel], own.squaresAfter[channel],
                            2 * (largest + tolerance) * tolerance * count)
                    }
                }
            }
        }
        #expect(scaled > 0)
        #expect((absorbed > 0) == (method == .crossLayer))
    }

    /// What a rescaling can be told by, in passes over these images.
    private struct Visibility {
        /// Channels whose sums it changes: those that are 0 on every image are 0 in any scale.
        var channels: [Bool]
        /// Whether it moves any channel's extreme by more than a bin of its histogram.
        var movesBins: Bool

        init(
            _ rescaling: ChannelRescaling, _ statistics: NetworkStatistics, _ graph: Graph,
            edges: [ActivationRange]
        ) {
            let layout = ChannelLayout(graph)
            channels = rescaling.scales.indices.map {
                rescaling.changes($0) && (statistics.lower[$0] != 0 || statistics.upper[$0] != 0)
            }
            movesBins = graph.nodes.indices.contains { node in
                let width =
                    (edges[node].upper - edges[node].lower) / Float(ActivationHistograms.bins)
                return layout.range(node).contains { channel in
                    [statistics.lower[channel], statistics.upper[channel]].contains { extreme in
                        let moved =
                            rescaling.scales[channel] * extreme - rescaling.offsets[channel]
                        return abs(moved - extreme) > width
                    }
                }
            }
        }
    }

    @Test(arguments: EqualizationMethod.allCases)
    func roundsSeeTheEqualizedNetwork(method: EqualizationMethod) throws {
        try expectRoundsToSeeTheEqualizedNetwork(method, seed: TestSeed.value)
    }

    /// All channels of a layer that are scaled are 0 on every image, so nothing shows.
    @Test(
        arguments: EqualizationMethod.allCases,
        [11_994_690_257_025_180_228, 101, 221_732] as [UInt64])
    func seedsWhoseScaledChannelsAreSilent(method: EqualizationMethod, seed: UInt64) throws {
        try expectRoundsToSeeTheEqualizedNetwork(method, seed: seed)
    }

    private func expectRoundsToSeeTheEqualizedNetwork(
        _ method: EqualizationMethod, seed: UInt64
    ) throws {
        var changedNetworks = 0
        for network in Self.networks.map({ $0(seed) }) {
            let cluster = Self.cluster(network, seed: 5)
            let job = try cluster.finish(Self.options(method))
            let (equalization, quantized) = try (
                #require(job.equalization), #require(job.quantized)
            )
            let rescaling = equalization.rescaling
            let (given, equalized) = (
                cluster.computers[0],
                Self.cluster(equalization.network, seed: 5).computers[0]
            )
            try given.load(quantized)
            try equalized.load(quantized)
            func results(_ kind: RoundKind) throws -> (seen: [UInt8], own: [UInt8], raw: [UInt8]) {
                var task = ShardTask(
                    kind: kind, shard: Shard(index: 0, images: Array(0..<6)),
                    biases: BiasState(of: quantized), round: 1)
                let (own, raw) = try (
                    equalized.compute(task, images: cluster.images),
                    given.compute(task, images: cluster.images)
                )
                task.rescaling = rescaling
                return (try given.compute(task, images: cluster.images), own, raw)
            }

            let nodes = network.graph.nodes.count
            let histograms = try results(.histograms(edges: job.observedRanges))
            let (seen, own, plain) = try (
                ActivationHistograms(payload: histograms.seen, nodes: nodes).counts,
                ActivationHistograms(payload: histograms.own, nodes: nodes).counts,
                ActivationHistograms(payload: histograms.raw, nodes: nodes).counts
            )
            // Rounding carries few values across the edge of a bin.
            let moved = zip(seen, own).map { abs($0 - $1) }.reduce(0, +)
            #expect(Double(moved) < 0.01 * Double(own.reduce(0, +)))

            let layout = ChannelLayout(network.graph)
            let statistics = try #require(job.progress.statistics)
            let visible = Visibility(
                rescaling, statistics, network.graph, edges: job.observedRanges)
            changedNetworks += visible.channels.contains(true) ? 1 : 0
            if visible.movesBins { #expect(seen != plain, "seed \(seed)") }
            if !visible.channels.contains(true) { #expect(seen == plain, "seed \(seed)") }

            let measure = try results(.measure)
            let errorLayout = ChannelLayout(network.graph, convolutionsOnly: true)
            let (errors, expected, raw) = try (
                ErrorSums(payload: measure.seen, channels: errorLayout.total),
                ErrorSums(payload: measure.own, channels: errorLayout.total),
                ErrorSums(payload: measure.raw, channels: errorLayout.total)
            )
            let tolerances = Self.tolerances(statistics, rescaling, network.graph)
            for node in network.graph.convolutions {
                let count = Double(6 * network.graph.nodes[node].shape.pixels)
                let channels = errorLayout.range(node)
                for (channel, place) in zip(channels, layout.range(node)) {
                    #expect(
                        abs(errors.initial[channel] - expected.initial[channel])
                            <= tolerances[place] * count,
                        "seed \(seed), node \(node), channel \(channel)")
                    #expect(
                        (errors.initial[channel] != raw.initial[channel])
                            == visible.channels[place],
                        "seed \(seed), node \(node), channel \(channel)")
                }
            }
        }
        #expect(changedNetworks > 0)
    }

    @Test func whatHasNoScaleKeepsItsBits() {
        var small = SmallNetwork(input: TensorShape(height: 1, width: 1, channels: 1), seed: 1)
        small.convolve(0, channels: 3)
        let values = [-0.0, Double.nan, -.infinity]
        let statistics = NetworkStatistics(
            sumImages: 2, sumsBefore: values, sumsAfter: values,
            squaresAfter: [0, .nan, .infinity], lower: values.map(Float.init),
            upper: [.signalingNaN, .infinity, -0.0],
            inputs: [ActivationRange(lower: -1, upper: 1)])
        func bits(_ statistics: NetworkStatistics) -> [UInt64] {
            (statistics.sumsBefore + statistics.sumsAfter + statistics.squaresAfter)
                .map(\.bitPattern)
                + (statistics.lower + statistics.upper).map { UInt64($0.bitPattern) }
        }
        let graph = small.network().graph
        func rescaled(by scale: Float) -> NetworkStatistics {
            statistics.rescaled(
                by: ChannelRescaling(scales: [scale, scale, scale], offsets: [0, 0, 0]), graph)
        }
        #expect(bits(rescaled(by: 1)) == bits(statistics))
        let twice = rescaled(by: 2)
        #expect(twice.sumsBefore[1].isNaN && twice.sumsAfter[2] == -.infinity)
        #expect(twice.squaresAfter[1].isNaN && twice.squaresAfter[2] == .infinity)
        #expect(twice.lower[2] == -.infinity && twice.upper[1] == .infinity)
        #expect(twice.inputs == statistics.inputs)
    }
}
