// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct HeldOutCheckTests {
    private static func cluster(threads: [Int] = [1], images: Int = 8) -> LocalCluster {
        let network = SmallNetwork.everything(seed: 21)
        return LocalCluster(
            network: network, images: SmallNetwork.images(images, for: network, seed: 22),
            encoding: SmallNetwork.encoding(for: network), threads: threads)
    }

    private static func options(tuned: Bool = false, match: Match) -> CalibrationOptions {
        var options = CalibrationOptions.test(match: match, bits: 4, images: 5)
        options.guardImages = 3
        if tuned {
            options.tuning = TuningOptions(
                images: 8, loss: .kl, temperature: 1, optimizer: .sgd(momentum: 0),
                learningRate: 0.2, schedule: .constant, warmup: .steps(0), batch: 2, epochs: 1,
                seed: 3, validationShare: 0)
        }
        return options
    }

    @Test(arguments: [false, true], Match.allCases)
    func resultDoesNotDependOnWorkersOrThreads(tuned: Bool, match: Match) throws {
        let options = Self.options(tuned: tuned, match: match)
        let reference = try Self.cluster().finish(options)
        let job = try Self.cluster(threads: [3, 1]).finish(options)
        #expect(job.progress == reference.progress)
    }

    @Test(arguments: [false, true], Match.allCases)
    func resumingAfterAnyRoundGivesTheSameBits(tuned: Bool, match: Match) throws {
        try expectSameBitsAfterResuming(Self.options(tuned: tuned, match: match)) {
            Self.cluster(threads: $0)
        }
    }

    /// Every state kept is no worse than all before it, and a layer taken back has the biases it
    /// began with.
    @Test(arguments: Match.allCases)
    func whatMakesThingsWorseIsTakenBack(match: Match) throws {
        let job = try Self.cluster().finish(Self.options(tuned: true, match: match))
        let guarding = try #require(job.progress.heldOutCheck)
        let layers = job.network.graph.convolutions.count
        #expect(guarding.losses.count == layers + 2)
        var best = guarding.losses[0]
        var rejected: [Int] = []
        for (layer, loss) in guarding.losses[1...layers].enumerated() {
            if loss <= best { best = loss } else { rejected.append(layer) }
        }
        #expect(!rejected.isEmpty)
        #expect(guarding.rejectedLayers == rejected)
        #expect(guarding.rejectsTuning == (guarding.losses[layers + 1] > best))
        let (quantized, biases) = try (#require(job.quantized), #require(job.progress.biases))
        for layer in rejected {
            let node = job.network.graph.convolutions[layer]
            #expect(biases.layers[layer] == quantized.parameters[node]?.bias)
        }
        let ledger = try #require(Ledger(job))
        #expect(ledger.guarding?.rejectedLayers.count == rejected.count)
        #expect(
            ledger.layers.count { $0.skipped?.contains("taken back") == true } == rejected.count)
        if guarding.rejectsTuning { #expect(job.biases == job.progress.biases) }
    }

    @Test(arguments: Match.allCases)
    func correctionsNeverSeeTheHeldOutImages(match: Match) throws {
        var other = Self.cluster()
        let images = other.images
        let reference = try other.finish(Self.options(match: match))
        // Without a guard on a pool without these images, the first layer's correction is the same.
        other = LocalCluster(
            network: other.network, images: Array(images.prefix(5)), encoding: other.encoding)
        var plain = Self.options(match: match)
        plain.guardImages = nil
        #expect(try other.finish(plain).progress.statistics == reference.progress.statistics)
    }

    @Test func somethingMustBeLeft() {
        #expect(throws: CalibrationError(.guardImages(3, pool: 3))) {
            try Self.cluster(images: 3).job(Self.options(match: .pre))
        }
    }
}
