// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Tasks as another build or a hostile coordinator may send them: each decodes, none fits the
/// network, and none may end the process.
@Suite struct HostileTaskTests {
    private let cluster: LocalCluster
    private let quantized: QuantizedNetwork

    private var computer: ShardComputer { cluster.computers[0] }

    init() throws {
        let network = SmallNetwork.everything(seed: 41)
        cluster = LocalCluster(
            network: network, images: SmallNetwork.images(2, for: network, seed: 42),
            encoding: SmallNetwork.encoding(for: network))
        quantized = try #require(try cluster.finish(.test(images: 2)).quantized)
    }

    private func task(_ kind: RoundKind, images: [Int] = [0, 1]) -> ShardTask {
        ShardTask(
            kind: kind, shard: Shard(index: 0, images: images), biases: BiasState(of: quantized),
            round: 7)
    }

    private func expectRefusal(
        _ task: ShardTask, images: [InputPayload]? = nil, targets: [TuningTarget] = [],
        by computer: ShardComputer? = nil, location: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: CalibrationError.self, sourceLocation: location) {
            try (computer ?? self.computer).compute(
                task, images: images ?? cluster.images, targets: targets)
        }
    }

    private static let loss = TuningLoss(.kl, temperature: 1)
    private static let integerKinds: [RoundKind] = [
        .layerSums(layer: 0, match: .pre), .layerSums(layer: 0, match: .post), .measure,
        .loss(loss), .gradient(loss),
    ]

    private var targets: [TuningTarget] {
        cluster.images.map { _ in
            .logits([Float](repeating: 0, count: cluster.network.graph.outputCount))
        }
    }

    @Test(arguments: Match.allCases) func layersThatAreNotThere(match: Match) throws {
        let layers = quantized.graph.convolutions.count
        for layer in [layers, Int(UInt32.max), -1, .max, .min] {
            expectRefusal(task(.layerSums(layer: layer, match: match)))
        }
        _ = try computer.compute(
            task(.layerSums(layer: layers - 1, match: match)), images: cluster.images)
    }

    @Test(arguments: integerKinds) func biasesOfAnotherNetwork(kind: RoundKind) throws {
        let right = BiasState(of: quantized).layers
        var narrow = right
        narrow[0].removeLast()
        var wide = right
        wide[right.count - 1].append(0)
        for layers in [[], Array(right.dropLast()), right + [[0]], narrow, wide] {
            var task = task(kind)
            task.biases = BiasState(layers: layers)
            expectRefusal(task, targets: targets)
        }
        _ = try computer.compute(task(kind), images: cluster.images, targets: targets)
    }

    @Test(arguments: integerKinds) func roundsWithoutTheirNetwork(kind: RoundKind) {
        let fresh = ShardComputer(
            network: cluster.network, encoding: cluster.encoding, threads: 1)
        expectRefusal(task(kind), targets: targets, by: fresh)
    }

    @Test(arguments: integerKinds + [.statistics, .teacher])
    func imagesThatAreNotThoseOfTheShard(kind: RoundKind) {
        for images in [[], [0], [0, 1, 2]] {
            expectRefusal(task(kind, images: images), targets: targets)
        }
        expectRefusal(task(kind), images: [], targets: targets)
    }

    /// Without tables for them, pixels would be whatever lies in memory.
    @Test func pixelsWithoutTables() throws {
        let fresh = ShardComputer(
            network: cluster.network, encoding: InputEncoding(tables: []), threads: 1)
        expectRefusal(task(.statistics), by: fresh)
        let arrays = cluster.images.map { InputPayload.tensor(cluster.encoding.encode($0)) }
        _ = try fresh.compute(task(.statistics), images: arrays)
    }

    @Test func targetsThatAreNotThere() {
        for kind in [RoundKind.loss(Self.loss), .gradient(Self.loss)] {
            for targets in [[], Array(targets.dropLast()), [.label(0), .label(1)]] {
                expectRefusal(task(kind), targets: targets)
            }
        }
    }

    @Test func rescalingsOfAnotherNetwork() {
        var measure = task(.measure)
        measure.rescaling = ChannelRescaling(scales: [2], offsets: [0])
        expectRefusal(measure)
        let edges = quantized.graph.nodes.map { _ in ActivationRange(lower: 0, upper: 1) }
        var histograms = task(.histograms(edges: edges))
        histograms.rescaling = ChannelRescaling(scales: [2], offsets: [0])
        expectRefusal(histograms)
    }

    /// An integer network of another form would read beyond the images, and its sums would not fit.
    @Test func quantizedNetworksOfAnotherGraph() throws {
        let other = SmallNetwork.gated(seed: 3)
        let images = SmallNetwork.images(2, for: other, seed: 4)
        let foreign = LocalCluster(
            network: other, images: images, encoding: SmallNetwork.encoding(for: other))
        let strange = try #require(try foreign.finish(.test(images: 2)).quantized)
        #expect(throws: CalibrationError.self) { try computer.load(strange) }
        var outputs = quantized
        outputs.graph.outputs[0].value = outputs.graph.value(of: 0)
        #expect(throws: CalibrationError.self) { try computer.load(outputs) }
        // The one that was there stays.
        _ = try computer.compute(task(.measure), images: cluster.images)
    }
}
