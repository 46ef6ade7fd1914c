// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import NetworkGraph
import Testing

@Suite struct ResultShapeTests {
    @Test(arguments: SimulatedJob.Variant.allCases)
    func honestResultsFitAndOthersDoNot(variant: SimulatedJob.Variant) throws {
        let simulated = SimulatedJob.of(variant)
        var job = try simulated.job()
        for results in simulated.rounds {
            let round = try #require(job.nextRound)
            let shape = ResultShape(of: round.kind, in: job.network.graph)
            for (shard, result) in zip(round.shards, results) {
                let images = shard.images.count
                func fits(_ payload: [UInt8]) -> Bool { shape.fits(payload, images: images) }
                #expect(fits(result), "\(round.kind)")
                #expect(shape.isPlausible(result, images: images), "\(round.kind)")
                #expect(!fits(result + [0]), "\(round.kind)")
                #expect(!fits(result.dropLast()), "\(round.kind)")
                #expect(!fits([]), "\(round.kind)")
                switch round.kind {
                case .layerSums, .teacher: break
                case .statistics, .histograms, .measure, .loss, .gradient:
                    // The sum of two such counts would overflow.
                    var boastful = result
                    boastful.replaceSubrange(0..<8, with: [255, 255, 255, 255, 255, 255, 255, 127])
                    #expect(!fits(boastful), "\(round.kind)")
                }
            }
            try job.complete(results)
        }
    }
}
