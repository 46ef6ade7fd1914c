// SPDX-License-Identifier: Apache-2.0

import Foundation
import Quantization
import TestSupport
import Testing

@testable import Calibration

@Suite struct TuningFailureTests {
    private func diverging(rate: Double) -> TuningOptions {
        var options = ToyProblem.options()
        options.optimizer = .sgd(momentum: 0)
        options.schedule = .constant
        options.warmup = .steps(0)
        options.learningRate = rate
        return options
    }

    private var plain: ToyProblem {
        var problem = ToyProblem(images: 60, seed: 8)
        problem.layers[0].unit = 1
        problem.layers[1].unit = 1
        return problem
    }

    @Test func divergenceRollsBackAndGoesOnMoreSlowly() throws {
        // Steps by 25 and by 2.5 times the distance overshoot, 0.25 does not.
        var stage = try plain.stage(diverging(rate: 25))
        try plain.run(&stage)
        let outcome = try #require(stage.outcome)
        #expect(outcome.divergedEpochs == [1, 2])
        #expect(outcome.improved)
        #expect(outcome.ending == .completed)
        #expect(stage.progress.rateScale == 0.1 * 0.1)
        #expect(stage.progress.validationLosses[1] == .infinity)
        #expect(outcome.description.hasSuffix("after divergence in epoch 1, 2"))
        // Given up before its end: the running loss was enough.
        #expect(stage.progress.stepLosses.count < 8 * stage.order.stepsPerEpoch)
        let summary = try #require(TuningSummary(stage, from: plain.start))
        #expect(summary.validationLosses[1] == nil)
        let data = try JSONEncoder().encode(summary)
        #expect(try JSONDecoder().decode(TuningSummary.self, from: data) == summary)
    }

    @Test func aRollbackRestoresTheBestStateAndFreshMoments() throws {
        let problem = plain
        var options = diverging(rate: 0.25)
        options.optimizer = .sgd(momentum: 0.3)
        var stage = try problem.stage(options)
        var best: BiasState?
        while let round = stage.nextRound, var results = problem.results(stage) {
            if round.measuresLoss, stage.progress.phase == .validating(epoch: 1) {
                best = stage.biases
            }
            if stage.progress.phase == .validating(epoch: 2) {
                results = .losses(round.groups.map { LossSums(images: $0.count, loss: .nan) })
                try stage.complete(results)
                break
            }
            try stage.complete(results)
        }
        #expect(stage.progress.phase == .stepping(epoch: 3, batch: 0))
        #expect(stage.biases == best)
        #expect(stage.progress.optimizer == options.optimizer.initialState(parameters: 5))
        #expect(stage.progress.validationLosses[2] == .infinity)
        #expect(abs((stage.learningRate ?? 0) - 0.025) < 1e-15)
        try problem.run(&stage)
        #expect(stage.outcome?.improved == true)
    }

    @Test func theThirdDivergenceEnds() throws {
        var stage = try plain.stage(diverging(rate: 1e5))
        try plain.run(&stage)
        let outcome = try #require(stage.outcome)
        #expect(outcome.ending == .diverged)
        #expect(outcome.divergedEpochs == [1, 2, 3])
        #expect(stage.biases == plain.start)
        #expect(outcome.description.hasPrefix("kept the start"))
    }

    @Test func divergenceInTheLastEpochEndsWithTheBest() throws {
        var options = diverging(rate: 1e5)
        options.epochs = 1
        var stage = try plain.stage(options)
        try plain.run(&stage)
        #expect(stage.outcome?.ending == .completed)
        #expect(stage.outcome?.divergedEpochs == [1])
        #expect(stage.biases == plain.start)
    }

    @Test func momentsThatOverflowAreDivergence() throws {
        var problem = plain
        problem.curvature = 1e200
        problem.constant = 0
        var stage = try problem.stage(ToyProblem.options())
        try problem.run(&stage)
        #expect(stage.outcome?.ending == .diverged)
        #expect(stage.biases == problem.start)
    }

    @Test func channelsStayWithinTheirLimits() throws {
        var problem = ToyProblem(images: 40, seed: 9)
        problem.layers[0].limits = [5000, 1 << 30, -1]
        var stage = try problem.stage(ToyProblem.options())
        while let results = problem.results(stage) {
            try stage.complete(results)
            #expect(abs(stage.biases.layers[0][0]) <= 5000)
            #expect(stage.biases.layers[0][2] == -50)
        }
        #expect(stage.outcome?.improved == true)
        #expect(stage.progress.limitedChannels == [0, 2])
        #expect(TuningSummary(stage, from: problem.start)?.layers[0].limitedChannels == [0, 2])
        #expect(TuningSummary(stage, from: problem.start)?.layers[1].limitedChannels == [])
    }

    @Test func anEpochWithoutGradientsEnds() throws {
        var problem = ToyProblem(images: 40, seed: 10)
        problem.curvature = 0
        var stage = try problem.stage(ToyProblem.options())
        try problem.run(&stage)
        #expect(stage.outcome?.ending == .noGradient)
        #expect(stage.outcome?.epochs == 1)
        #expect(stage.biases == problem.start)
        #expect(stage.outcome?.description.contains("no bias had a gradient") == true)
    }

    @Test func aLaterEpochWithoutGradientsEndsWithTheBestSoFar() throws {
        let problem = ToyProblem(images: 40, seed: 10)
        var stage = try problem.stage(ToyProblem.options())
        while let round = stage.nextRound, var results = problem.results(stage) {
            if case .stepping(epoch: 2, _) = stage.progress.phase {
                results = .gradients(
                    round.groups.map {
                        var sums = problem.gradient($0, stage.biases)
                        sums.gradients = [0, 0, 0, 0, 0]
                        return sums
                    })
            }
            try stage.complete(results)
        }
        #expect(stage.outcome?.ending == .noGradient)
        #expect(stage.outcome?.epochs == 2)
        #expect(stage.outcome?.improved == true)
    }

    @Test func aRollbackStartsPatienceAnew() throws {
        let problem = plain
        var options = diverging(rate: 0.25)
        options.patience = 2
        var stage = try problem.stage(options)
        // No better, diverged, no better: only one epoch since the rollback.
        let script: [Double] = [1, 1, 100] + [Double](repeating: 1, count: 6)
        while let round = stage.nextRound, var results = problem.results(stage) {
            if case .validating(let epoch) = stage.progress.phase {
                results = .losses(
                    round.groups.map {
                        LossSums(images: $0.count, loss: script[epoch] * Double($0.count))
                    })
            }
            try stage.complete(results)
        }
        #expect(stage.outcome?.ending == .stoppedEarly)
        #expect(stage.outcome?.epochs == 4)
        #expect(stage.outcome?.divergedEpochs == [2])
    }

    @Test func aBatchWithoutGradientsIsAStepLikeAnyOther() throws {
        let problem = ToyProblem(images: 40, seed: 10)
        var stage = try problem.stage(ToyProblem.options())
        while let round = stage.nextRound, var results = problem.results(stage) {
            if stage.progress.phase == .stepping(epoch: 1, batch: 0) {
                let masters = stage.progress.masters
                results = .gradients(
                    round.groups.map {
                        var sums = GradientSums(channels: 5)
                        sums.images = $0.count
                        return sums
                    })
                try stage.complete(results)
                #expect(stage.progress.masters == masters)
                #expect(stage.progress.optimizer.steps == 1)
            } else {
                try stage.complete(results)
            }
        }
        #expect(stage.outcome?.improved == true)
        #expect(stage.outcome?.ending == .completed)
    }

    /// Breaks one shard of one round, expects the error, then goes on as if nothing had happened.
    @Test func whatIsNotFiniteNamesItsPlaceAndChangesNothing() throws {
        let problem = ToyProblem(images: 40, seed: 12)
        var stage = try problem.stage(ToyProblem.options())
        var undisturbed = stage
        try problem.run(&undisturbed)
        var errors: [TuningError.Code] = []
        var expected: [TuningError.Code] = []
        while let round = stage.nextRound, let results = problem.results(stage) {
            let before = stage.progress
            let last = round.groups.count - 1
            var broken: TuningResults?
            switch (stage.progress.phase, results) {
            case (.validating(epoch: 0), .losses(var sums)):
                sums[last].loss = .nan
                broken = .losses(sums)
                expected.append(
                    .notFinite(.loss, epoch: 0, step: 0, shard: last, images: round.groups[last]))
            case (.stepping(epoch: 1, batch: 1), .gradients(var sums)):
                sums[0].loss = -.infinity
                broken = .gradients(sums)
                expected.append(
                    .notFinite(.loss, epoch: 1, step: 2, shard: 0, images: round.groups[0]))
            case (.stepping(epoch: 2, batch: 0), .gradients(var sums)):
                sums[1].gradients[4] = .nan
                broken = .gradients(sums)
                expected.append(
                    .notFinite(
                        .gradient(layer: 1, channel: 1), epoch: 2, step: 1, shard: 1,
                        images: round.groups[1]))
            case (.stepping(epoch: 3, batch: 0), .gradients(var sums)):
                sums[1].images += 1
                broken = .gradients(sums)
                expected.append(
                    .shardImages(
                        shard: 1, expected: round.groups[1].count,
                        found: round.groups[1].count + 1))
            default: break
            }
            if let broken {
                do {
                    try stage.complete(broken)
                } catch {
                    errors.append(error.code)
                }
                #expect(stage.progress == before)
            }
            try stage.complete(results)
        }
        #expect(errors == expected)
        #expect(errors.count == 4)
        #expect(stage.progress == undisturbed.progress)
    }
}
