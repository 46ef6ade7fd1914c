// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import Testing

@Suite struct ResultFormTests {
    @Test(arguments: SimulatedJob.Variant.allCases)
    func honestResultsFitAndOthersDoNot(variant: SimulatedJob.Variant) throws {
        let simulated = SimulatedJob.of(variant)
        var job = try simulated.job()
        for results in simulated.rounds {
            let round = try #require(job.nextRound)
            for (shard, result) in zip(round.shards, results) {
                #expect(job.fits(result, of: shard, in: round.kind), "\(round.kind)")
                #expect(!job.fits(result + [0], of: shard, in: round.kind), "\(round.kind)")
                #expect(!job.fits(result.dropLast(), of: shard, in: round.kind), "\(round.kind)")
                #expect(!job.fits([], of: shard, in: round.kind), "\(round.kind)")
                switch round.kind {
                case .layerSums, .teacher: break
                case .statistics, .histograms, .measure, .loss, .gradient:
                    // The sum of two such counts would overflow.
                    var boastful = result
                    boastful.replaceSubrange(0..<8, with: [255, 255, 255, 255, 255, 255, 255, 127])
                    #expect(!job.fits(boastful, of: shard, in: round.kind), "\(round.kind)")
                }
            }
            try job.complete(results)
        }
    }
}

extension CalibrationJob {
    fileprivate func fits(_ payload: ArraySlice<UInt8>, of shard: Shard, in kind: RoundKind) -> Bool
    {
        fits(Array(payload), of: shard, in: kind)
    }
}
