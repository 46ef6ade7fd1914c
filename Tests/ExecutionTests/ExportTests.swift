// SPDX-License-Identifier: Apache-2.0

import Calibration
import Execution
import NetworkGraph
import ONNXFormat
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
}
