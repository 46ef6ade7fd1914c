// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct CalibrationJobTests {
    private static func cluster(threads: [Int] = [1], seed: UInt64 = 11, images: Int = 6)
        -> LocalCluster
    {
        let network = SmallNetwork.everything(seed: seed)
        return LocalCluster(
            network: network, images: SmallNetwork.images(images, for: network, seed: seed &+ 1),
            encoding: SmallNetwork.encoding(for: network), threads: threads)
    }

    @Test(arguments: [Match.pre, .post])
    func resultDoesNotDependOnWorkersOrThreads(match: Match) throws {
        let options = CalibrationOptions.test(match: match)
        let reference = try Self.cluster().finish(options)
        for threads in [[1, 1], [2], [3, 1, 2]] {
            let job = try Self.cluster(threads: threads).finish(options)
            #expect(job.progress == reference.progress, "threads \(threads)")
        }
        // Shards that change hands in every round: nobody has a cache to go on from.
        var generator = SeededGenerator(seed: TestSeed.value)
        let moved = try Self.cluster(threads: [1, 2, 1]).finish(options) { _ in
            Int.random(in: 0..<3, using: &generator)
        }
        #expect(moved.progress == reference.progress)
    }

    @Test(arguments: [Match.pre, .post])
    func resumingAfterAnyRoundGivesTheSameBits(match: Match) throws {
        try expectSameBitsAfterResuming(.test(match: match)) { Self.cluster(threads: $0) }
    }

    @Test func onlyBiasesChange() throws {
        for granularity in Granularity.allCases {
            for symmetry in WeightSymmetry.allCases {
                let options = CalibrationOptions.test(granularity: granularity, symmetry: symmetry)
                let job = try Self.cluster().finish(options)
                let before = try #require(job.quantized)
                let after = try #require(job.result)
                #expect(BiasState(of: before) != BiasState(of: after))
                #expect(after.replacingBiases(BiasState(of: before)) == before)
            }
        }
    }

    @Test func closedFormLeavesLessThanHalfABiasStep() throws {
        let job = try Self.cluster().finish(.test(match: .pre, bits: 4))
        let quantized = try #require(job.quantized)
        for (layer, node) in job.network.graph.convolutions.enumerated() {
            let correction = job.progress.corrections[layer]
            let input = try #require(quantized.activations[job.network.graph.nodes[node].inputs[0]])
            let parameters = try #require(quantized.parameters[node])
            for channel in correction.residual.indices {
                let step = Double(input.scale * parameters.scale(channel: channel))
                #expect(abs(correction.residual[channel]) <= 0.5001 * step)
            }
        }
    }

    @Test func correctionShrinksTheShiftOfCoarseNetworks() throws {
        for match in [Match.pre, .post] {
            let ledger = try #require(
                Ledger(try Self.cluster(images: 8).finish(.test(match: match, bits: 4, images: 8))))
            let before = ledger.layers.map { $0.mssrBefore * $0.mssrBefore }.reduce(0, +)
            let after = ledger.layers.map { $0.mssrAfter * $0.mssrAfter }.reduce(0, +)
            #expect(after < 0.25 * before, "match \(match): \(before) → \(after)")
        }
    }

    @Test func withoutCorrectionBiasesAreTheRoundedOnes() throws {
        let job = try Self.cluster().finish(.test(match: nil))
        #expect(job.progress.rounds == 2)
        #expect(job.result == job.quantized)
        let ledger = try #require(Ledger(job))
        #expect(ledger.layers.allSatisfy { $0.mssrBefore == $0.mssrAfter })
    }

    @Test(arguments: [
        (5, nil, 5), (8, nil, 8), (23, nil, 8), (7, 2, 5), (11, 4, 7), (23, 4, 8),
    ])
    func measurementTakesFewImages(images: Int, guardImages: Int?, measured: Int) throws {
        for shardImages in [2, 3, 5] {
            func job(_ images: Int, guardImages: Int?) throws -> CalibrationJob {
                var options = CalibrationOptions.test(images: images, shardImages: shardImages)
                options.guardImages = guardImages
                let cluster = Self.cluster(images: images)
                var job = try cluster.job(options)
                while job.progress.place != .measuring { try cluster.step(&job) }
                #expect(job.nextRound?.shards.flatMap(\.images) == Array(0..<measured))
                try cluster.step(&job)
                return job
            }
            let many = try job(images, guardImages: guardImages)
            #expect(Ledger(many)?.images == measured)
            // They have the sums of a job without any others.
            let few = try job(measured, guardImages: nil)
            let (sums, expected) = try (
                #require(many.measuredStatistics), #require(few.statistics)
            )
            #expect(sums.sumImages == measured)
            #expect(sums.sumImages == expected.sumImages)
            #expect(sums.sumsBefore == expected.sumsBefore)
            #expect(sums.sumsAfter == expected.sumsAfter)
            #expect(sums.squaresAfter == expected.squaresAfter)
            #expect(
                (many.statistics?.squaresAfter == sums.squaresAfter)
                    == (many.statistics?.sumImages == measured))
        }
    }

    @Test func floatOutputIsMatchedInFrontOfTheActivation() throws {
        let job = try Self.cluster().finish(.test(match: .post, quantizesOutput: false))
        #expect(job.quantized?.activations.last == .some(nil))
        #expect(job.progress.corrections.last?.residual.isEmpty == false)
        #expect(Ledger(job)?.layers.last?.rqnsrAfter ?? 1 < 1)
    }

    @Test func malformedResultsAreErrors() throws {
        let cluster = Self.cluster()
        var job = try cluster.job(.test())
        let count = try #require(job.nextRound?.shards.count)
        #expect(throws: CalibrationError.self) {
            try job.complete([[UInt8]](repeating: [1, 2, 3], count: count))
        }
    }

    @Test func shardsNeverStraddleABoundary() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<500 {
            let count = Int.random(in: 1...70, using: &generator)
            let boundaries = (0..<2).map { _ in Int.random(in: 0...80, using: &generator) }
            let shards = Shard.cut(
                count: count, size: Int.random(in: 1...9, using: &generator), boundaries: boundaries
            )
            #expect(shards.flatMap(\.images) == Array(0..<count))
            #expect(shards.map(\.index) == Array(shards.indices))
            for boundary in boundaries where (1..<count).contains(boundary) {
                #expect(shards.contains { $0.images.first == boundary })
            }
        }
    }
}
