// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

/// Equalization, ranges and weight scales as stages of the job.
@Suite struct PreparationTests {
    private static func cluster(threads: [Int] = [1]) -> LocalCluster {
        let network = SmallNetwork.everything(seed: 11)
        return LocalCluster(
            network: network, images: SmallNetwork.images(6, for: network, seed: 12),
            encoding: SmallNetwork.encoding(for: network), threads: threads)
    }

    private static func options(
        range: RangeEstimator = .minmax, equalization: EqualizationMethod? = nil,
        scale: WeightScaleEstimator = .minmax, match: Match = .pre
    ) -> CalibrationOptions {
        var options = CalibrationOptions.test(match: match)
        options.range = range
        options.equalization = equalization
        options.scheme.weightScale = scale
        return options
    }

    static let cases: [CalibrationOptions] = Match.allCases.flatMap { match in
        [
            options(range: .mse, match: match), options(range: .percentile(99), match: match),
            options(equalization: .oneStep, match: match),
            options(
                range: .mse, equalization: .crossLayer, scale: .outputMSE, match: match),
            options(scale: .mse, match: match),
        ]
    }

    @Test(arguments: cases)
    func resultDoesNotDependOnWorkersOrThreads(options: CalibrationOptions) throws {
        let reference = try Self.cluster().finish(options)
        for threads in [[1, 1], [3, 1, 2]] {
            #expect(
                try Self.cluster(threads: threads).finish(options).progress == reference.progress)
        }
    }

    @Test(arguments: cases)
    func resumingAfterAnyRoundGivesTheSameBits(options: CalibrationOptions) throws {
        try expectSameBitsAfterResuming(options) { Self.cluster(threads: $0) }
    }

    @Test(arguments: cases)
    func roundsStayWithinTheLimit(options: CalibrationOptions) throws {
        let job = try Self.cluster().finish(options)
        #expect(job.progress.rounds == job.roundLimit)
    }

    @Test(arguments: cases)
    func progressOfOtherOptionsIsRefused(options: CalibrationOptions) throws {
        let progress = try Self.cluster().finish(options).progress
        for other in Self.cases + [Self.options()]
        where other.range.usesHistogram != options.range.usesHistogram {
            #expect(throws: CalibrationError.self) {
                try Self.cluster().job(other, resuming: progress)
            }
        }
    }

    @Test func rangesLieInsideTheExtremes() throws {
        let wide = try Self.cluster().finish(Self.options())
        for range in [RangeEstimator.percentile(98), .mse] {
            let job = try Self.cluster().finish(Self.options(range: range))
            let (before, after) = try (#require(wide.quantized), #require(job.quantized))
            var narrower = 0
            for (old, new) in zip(before.activations, after.activations) {
                let (old, new) = try (#require(old), #require(new))
                #expect(new.scale <= old.scale)
                if new.scale < old.scale { narrower += 1 }
            }
            #expect(narrower > 0)
        }
    }

    @Test func binsOfAnotherNetworkAreRefused() throws {
        let cluster = Self.cluster()
        let edges = [ActivationRange(lower: 0, upper: 1)]
        #expect(throws: CalibrationError.self) {
            try cluster.computers[0].compute(
                ShardTask(
                    kind: .histograms(edges: edges), shard: Shard(index: 0, images: [0]),
                    biases: BiasState(layers: []), round: 1), images: [cluster.images[0]])
        }
    }
}
