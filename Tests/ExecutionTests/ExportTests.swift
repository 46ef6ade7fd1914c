// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import NetworkGraph
import QDQ
import Quantization
import TestSupport
import Testing

/// The exported file computes what calibration computed.
@Suite struct ExportTests {
    /// A calibrated network: every round on one computer.
    private static func calibrated(
        seed: UInt64, _ scheme: QuantizationScheme, match: Match
    ) throws -> QuantizedNetwork {
        let network = SmallNetwork.everything(seed: seed)
        let images = SmallNetwork.images(4, for: network, seed: seed &+ 1)
        let runner = LocalRunner(
            network: network, encoding: SmallNetwork.encoding(for: network), images: images)
        var job = try CalibrationJob(
            network: network,
            options: CalibrationOptions(
                scheme: scheme, removesDeadChannels: true,
                correction: CorrectionOptions(match: match, iterations: 2), rangeImages: 4,
                correctionImages: 4, shardImages: 2),
            imageCount: images.count, inputRange: ActivationRange(lower: -1, upper: 1))
        while try runner.step(&job) != nil {}
        return try #require(job.result)
    }

    @Test(arguments: IntegerExecutorTests.cases)
    func aFileGivesTheSameBits(_ test: IntegerExecutorTests.Case) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let seed = generator.next()
        let network = try Self.calibrated(
            seed: seed, test.scheme, match: Bool.random(using: &generator) ? .pre : .post)
        let loaded = try QDQModel.decode(QDQModel.encode(network)).network
        #expect(loaded == network, "seed \(seed)")
        let (before, after) = (IntegerExecutor(network), IntegerExecutor(loaded))
        for image in randomImages(4, for: network.graph, using: &generator) {
            let expected = before.run(image, biases: BiasState(of: network), workspace: Workspace())
            let found = after.run(image, biases: BiasState(of: loaded), workspace: Workspace())
            #expect(found.bits == expected.bits, "seed \(seed)")
        }
    }

    /// Moved values need not come back as the same nodes, since a reader joins what follows each
    /// other; their bits do, once and again.
    @Test(arguments: TestSeed.values(60))
    func movedValuesGiveTheSameBits(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (made, network) = GradientExecutorTests.networks(
            1, hasFunctions: true, hasMovements: true, inputs: 2, outputs: 3, using: &generator)[0]
        let loaded = try QDQModel.decode(QDQModel.encode(network)).network
        let again = try QDQModel.decode(QDQModel.encode(loaded)).network
        for image in randomImages(2, for: network.graph, using: &generator) {
            let expected = Self.run(network, image)
            #expect(Self.run(loaded, image) == expected, "seed \(made)")
            #expect(Self.run(again, image) == expected, "seed \(made)")
        }
    }

    /// Bits of all outputs.
    private static func run(_ network: QuantizedNetwork, _ image: [Float]) -> [UInt32] {
        let values = IntegerExecutor(network).run(
            image, biases: BiasState(of: network), workspace: Workspace())
        return inFileOrder(values, of: network.graph).bits
    }

    /// Outputs of a run as the file's tensors have them.
    private static func inFileOrder(_ values: [Float], of graph: Graph) -> [Float] {
        var rest = values[...]
        return graph.outputs.flatMap { output -> [Float] in
            let shape = graph.shape(of: output.value)
            let tensor = Array(rest.prefix(shape.count))
            rest = rest.dropFirst(shape.count)
            guard output.rank == 4, output.extents == nil, output.layout == .nchw else {
                return tensor
            }
            return (0..<shape.channels).flatMap { channel in
                (0..<shape.pixels).map { tensor[$0 * shape.channels + channel] }
            }
        }
    }
}
