// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import TestSupport
import Testing

/// What a computer keeps between the rounds of two layers. No result shows it.
@Suite struct RestingRunsTests {
    private static func options(_ match: Match, guardImages: Int?) -> CalibrationOptions {
        var options = CalibrationOptions.test(match: match, images: 5)
        options.guardImages = guardImages
        // Without a teacher, whose round would load the integer network anew.
        options.tuning = TuningOptions(
            images: 5, loss: .crossEntropy, temperature: 1, optimizer: .sgd(momentum: 0),
            learningRate: 0.2,
            schedule: .constant, warmup: .steps(0), batch: 2, epochs: 2, seed: 3,
            validationShare: 0)
        return options
    }

    @Test(arguments: Match.allCases, [nil, 3])
    func waitForTheNextLayer(match: Match, guardImages: Int?) throws {
        let network = SmallNetwork.everything(seed: 31)
        let cluster = LocalCluster(
            network: network, images: SmallNetwork.images(8, for: network, seed: 32),
            encoding: SmallNetwork.encoding(for: network), labels: Array(0..<8))
        let computer = cluster.computers[0]
        var job = try cluster.job(Self.options(match, guardImages: guardImages))
        while let round = job.nextRound {
            try cluster.step(&job) { shard in
                // The first shard's computation would have dropped those of the others.
                if case .layerSums(let layer, _) = round.kind, layer > 0 {
                    #expect(computer.restingShards == round.shards.count, "layer \(layer)")
                }
                return shard
            }
        }
        #expect(computer.restingShards == 0)
    }
}
