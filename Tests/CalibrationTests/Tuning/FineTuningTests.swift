// SPDX-License-Identifier: Apache-2.0

import Foundation
import Quantization
import TestSupport
import Testing

@testable import Calibration

@Suite struct FineTuningTests {
    @Test(arguments: [
        TuningOptions.Optimizer.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
        .sgd(momentum: 0.5),
    ])
    func reachesTheOptimum(_ optimizer: TuningOptions.Optimizer) throws {
        let problem = ToyProblem(images: 200, seed: TestSeed.value)
        var options = ToyProblem.options()
        options.optimizer = optimizer
        options.warmup = .share(0.05)
        var stage = try problem.stage(options)
        try problem.run(&stage)
        let training = stage.order.training.flatMap { $0 }
        let count = Double(training.count)
        for channel in 0..<5 {
            let mean = training.reduce(0) { $0 + problem.goals[$1][channel] } / count
            let place = stage.masters.place(channel)
            let bias =
                Double(stage.biases.layers[place.layer][place.channel])
                * problem.layers[place.layer].steps[place.channel]
            // The state that is best on held-out images may be from before the last epochs: within
            // a full step.
            let step = options.learningRate * problem.layers[place.layer].unit
            #expect(abs(bias - mean) < max(0.1, step), "channel \(channel)")
        }
        let outcome = try #require(stage.outcome)
        #expect(outcome.improved)
        #expect(outcome.ending == .completed)
        #expect(outcome.bestLoss < outcome.startLoss / 5)
        #expect(outcome.description.hasPrefix("improved: loss "))
        #expect(stage.progress.stepLosses.count == 8 * stage.order.stepsPerEpoch)
        #expect(stage.progress.validationLosses.count == 9)
        #expect(stage.biases == stage.progress.best)
    }

    @Test func roundsComeInOrder() throws {
        let problem = ToyProblem(images: 20, seed: 1)
        var options = ToyProblem.options()
        options.epochs = 2
        var stage = try problem.stage(options)
        var kinds: [RoundKind] = []
        var seen: [Int] = []
        let loss = TuningLoss(options.loss, temperature: options.temperature)
        let gradient = RoundKind.gradient(loss)
        while let round = stage.nextRound, let results = problem.results(stage) {
            kinds.append(round.kind)
            if round.kind == .teacher { seen = round.groups.flatMap { $0 } }
            #expect((stage.learningRate != nil) == (round.kind == gradient))
            try stage.complete(results)
        }
        // 16 training images in groups of 3, two groups per step.
        let epoch = [gradient, gradient, gradient, .loss(loss)]
        #expect(kinds == [.teacher, .loss(loss)] + epoch + epoch)
        #expect(kinds.count == stage.roundLimit)
        #expect(seen.sorted() == Array(0..<20))
        options.loss = .crossEntropy
        #expect(try problem.stage(options).nextRound?.measuresLoss == true)
    }

    /// The first step of plain gradient descent, by hand.
    @Test func oneStepIsTheMeanGradientTimesTheRate() throws {
        var problem = ToyProblem(images: 4, seed: 5)
        problem.goals = [[Double]](repeating: [1, 2, 3, 4, 5], count: 4)
        problem.start = BiasState(layers: [[0, 0, 0], [0, 0]])
        var options = ToyProblem.options()
        options.optimizer = .sgd(momentum: 0)
        options.schedule = .constant
        options.warmup = .steps(0)
        options.epochs = 1
        options.validationShare = 0
        var stage = try problem.stage(options)
        try problem.run(&stage)
        // One step per epoch; bias = rate · unit² · goal.
        let real = [1, 2, 3].map { 0.1 * 0.25 * $0 } + [4, 5].map { 0.1 * 4 * $0 }
        let steps = problem.layers.flatMap(\.steps)
        let expected = zip(real, steps).map { Int32(($0 / $1).rounded()) }
        #expect(stage.biases.layers.flatMap { $0 } == expected)
    }

    @Test func theBestStateWinsAndPatienceEnds() throws {
        let problem = ToyProblem(images: 30, seed: 2)
        var options = ToyProblem.options()
        options.patience = 2
        var stage = try problem.stage(options)
        let script = [1, 0.9, 0.95, 0.9] + [Double](repeating: 0.1, count: 5)
        var states: [BiasState] = []
        while let round = stage.nextRound, var results = problem.results(stage) {
            if round.measuresLoss {
                let loss = script[states.count]
                states.append(stage.biases)
                results = .losses(
                    round.groups.map {
                        LossSums(images: $0.count, loss: loss * Double($0.count))
                    })
            }
            try stage.complete(results)
        }
        let outcome = try #require(stage.outcome)
        // An equal loss is no improvement.
        #expect(outcome.ending == .stoppedEarly)
        #expect(outcome.bestEpoch == 1)
        #expect(outcome.epochs == 3)
        #expect(stage.biases == states[1])
        #expect(states[1] != states[3])
        #expect(outcome.description.hasSuffix("; stopped early after epoch 3"))
    }

    @Test func aStartThatIsNotBeatenIsKept() throws {
        var problem = ToyProblem(images: 30, seed: 3, spread: 0)
        problem.goals = problem.goals.map { _ in [0.01, 0, -0.0025, 7e-5, 0] }
        for patience in [0, 1] {
            var options = ToyProblem.options()
            options.patience = patience
            options.optimizer = .sgd(momentum: 0)
            var stage = try problem.stage(options)
            try problem.run(&stage)
            let outcome = try #require(stage.outcome)
            #expect(!outcome.improved)
            #expect(stage.biases == problem.start)
            #expect(outcome.description.hasPrefix("kept the start"))
        }
    }

    @Test func withoutHeldOutImagesAllAreMeasured() throws {
        let problem = ToyProblem(images: 10, seed: 4)
        var options = ToyProblem.options()
        options.validationShare = 0
        var stage = try problem.stage(options)
        try problem.run(&stage)
        #expect(stage.outcome?.improved == true)
        let start = try #require(stage.outcome?.startLoss)
        #expect(abs(start - problem.meanLoss(problem.start)) < 1e-12)
        let best = try #require(stage.outcome?.bestLoss)
        #expect(abs(best - problem.meanLoss(stage.biases)) < 1e-12)

        let single = ToyProblem(images: 1, seed: 4)
        var one = try single.stage(ToyProblem.options())
        try single.run(&one)
        #expect(one.outcome?.improved == true)
    }

    @Test func notesNameWhatDiffersFromTheOptions() throws {
        func notes(images: Int, batch: Int, share: Double) throws -> String {
            var options = ToyProblem.options()
            options.batch = batch
            options.validationShare = share
            options.images = 50
            return try ToyProblem(images: images, seed: 1).stage(options).notes
                .joined(separator: "\n")
        }
        #expect(try notes(images: 60, batch: 6, share: 0.1).isEmpty)
        #expect(try notes(images: 20, batch: 6, share: 0.1).contains("all 20 images"))
        #expect(
            try notes(images: 20, batch: 64, share: 0.1).contains(
                "the batch of 64 is more than the 18 training images"))
        #expect(
            try notes(images: 60, batch: 8, share: 0.1).contains(
                "6 images instead of the batch of 8"))
        #expect(try notes(images: 60, batch: 6, share: 0).contains("no images are held out"))
        #expect(try notes(images: 1, batch: 6, share: 0.5).contains("a single image"))
    }

    @Test func shardsMayBeComputedInAnyOrder() throws {
        let problem = ToyProblem(images: 40, seed: 6)
        var inOrder = try problem.stage(ToyProblem.options())
        try problem.run(&inOrder)
        var generator = SeededGenerator(seed: TestSeed.value)
        var scattered = try problem.stage(ToyProblem.options())
        while let round = scattered.nextRound {
            var payloads = [[UInt8]](repeating: [], count: round.groups.count)
            for shard in round.groups.indices.shuffled(using: &generator) {
                let group = round.groups[shard]
                payloads[shard] =
                    switch round.kind {
                    case .loss: problem.loss(group, scattered.biases).payload()
                    case .gradient: problem.gradient(group, scattered.biases).payload()
                    default: []
                    }
            }
            try scattered.complete(
                TuningResults(payloads: payloads, of: round.kind, channels: 5))
        }
        #expect(scattered.progress == inOrder.progress)
    }

    @Test func theSummaryFollowsTheProgress() throws {
        let problem = ToyProblem(images: 40, seed: 7)
        var stage = try problem.stage(ToyProblem.options())
        #expect(TuningSummary(stage, from: problem.start) == nil)
        try problem.run(&stage)
        let summary = try #require(TuningSummary(stage, from: problem.start))
        #expect(summary.stepLosses == stage.progress.stepLosses)
        #expect(summary.validationLosses.compactMap { $0 } == stage.progress.validationLosses)
        #expect(summary.validationImages == 8)
        #expect(summary.images == 40)
        #expect(summary.layers.count == 2)
        let changes = zip(stage.biases.layers[1], problem.start.layers[1]).map { Double($0 - $1) }
        let layer = summary.layers[1]
        #expect(layer.maxSteps == changes.map(abs).max())
        let square = (changes[0] * changes[0] + changes[1] * changes[1]) / 2
        #expect(abs(layer.rmsSteps - square.squareRoot()) < 1e-9)
        let real = [changes[0] * 1e-5 / 2, changes[1] * 3e-4 / 2]
        #expect(abs(layer.maxOutputSteps - (real.map(abs).max() ?? 0)) < 1e-12)
        #expect(
            abs(layer.rmsOutputSteps - ((real[0] * real[0] + real[1] * real[1]) / 2).squareRoot())
                < 1e-12)
        #expect(layer.limitedChannels.isEmpty)
        let data = try JSONEncoder().encode(summary)
        #expect(try JSONDecoder().decode(TuningSummary.self, from: data) == summary)
    }
}
