// SPDX-License-Identifier: Apache-2.0

import Quantization
import TestSupport
import Testing

@testable import Calibration

@Suite struct TuningResumeTests {
    private func variants() -> [(ToyProblem, TuningOptions)] {
        let problem = ToyProblem(images: 30, seed: TestSeed.value)
        var adam = ToyProblem.options()
        adam.epochs = 4
        var sgd = adam
        sgd.optimizer = .sgd(momentum: 0.9)
        sgd.schedule = .step(every: 1, factor: 0.5)
        sgd.validationShare = 0
        var labelled = adam
        labelled.loss = .crossEntropy
        labelled.patience = 1
        var plain = problem
        plain.layers[0].unit = 1
        plain.layers[1].unit = 1
        var diverging = adam
        diverging.optimizer = .sgd(momentum: 0)
        diverging.learningRate = 100
        var limited = problem
        limited.layers[0].limits = [5000, -1, 1 << 30]
        return [
            (problem, adam), (problem, sgd), (problem, labelled), (plain, diverging),
            (limited, adam),
        ]
    }

    @Test func aRebuiltStageGoesOnWithEqualBitsFromEveryRound() throws {
        for (problem, options) in variants() {
            var whole = try problem.stage(options)
            var states = [whole.progress]
            while let results = problem.results(whole) {
                try whole.complete(results)
                states.append(whole.progress)
            }
            for (round, state) in states.enumerated() {
                var rebuilt = try problem.stage(options, resuming: state)
                for expected in states[(round + 1)...] {
                    let results = try #require(problem.results(rebuilt))
                    try rebuilt.complete(results)
                    #expect(rebuilt.progress == expected)
                }
                #expect(rebuilt.nextRound == nil)
                #expect(rebuilt.outcome == whole.outcome)
            }
        }
    }

    @Test func statesThatDoNotFitAreRefused() throws {
        let problem = ToyProblem(images: 30, seed: 1)
        let options = ToyProblem.options()
        var stage = try problem.stage(options)
        for _ in 0..<4 { try stage.complete(#require(problem.results(stage))) }
        let good = stage.progress
        _ = try problem.stage(options, resuming: good)
        let changes: [(String, (inout TuningProgress) -> Void)] = [
            ("optimizer state", { $0.optimizer.first.removeLast() }),
            ("optimizer state", { $0.optimizer.second = [] }),
            ("optimizer state", { $0.optimizer.steps = -1 }),
            ("optimizer state", { $0.optimizer.first[0] = .nan }),
            ("biases", { $0.biases.layers[0].removeLast() }),
            ("best biases", { $0.best.layers.removeLast() }),
            ("master biases", { $0.masters.removeLast() }),
            ("master biases", { $0.masters[0] += 1 }),
            ("master biases", { $0.masters[2] = .nan }),
            ("limited channels", { $0.limitedChannels = [5] }),
            ("epoch in work", { $0.rateScale = .nan }),
            ("epoch in work", { $0.epochLoss = .infinity }),
            ("epoch in work", { $0.epochImages = 0 }),
            ("phase", { $0.phase = .teacher }),
            ("phase", { $0.phase = .finished }),
            ("phase", { $0.phase = .validating(epoch: 9) }),
            ("phase", { $0.phase = .stepping(epoch: 1, batch: 99) }),
            ("phase", { $0.phase = .stepping(epoch: 0, batch: 0) }),
            ("phase", { $0.ending = .completed }),
            ("phase", { $0.validationLosses = [] }),
            ("validation losses", { $0.validationLosses = [.nan] }),
            ("validation losses", { $0.validationLosses = [.infinity] }),
            ("validation losses", { $0.bestEpoch = 1 }),
            ("step losses", { $0.stepLosses = [] }),
            ("step losses", { $0.stepLosses[0] = .nan }),
            ("diverged epochs", { $0.divergedEpochs = [1] }),
        ]
        for (field, change) in changes {
            var bad = good
            change(&bad)
            let expected = CalibrationError(.checkpointMismatch(field: "fine-tuning's \(field)"))
            #expect(throws: expected) { try problem.stage(options, resuming: bad) }
        }
    }

    @Test func startsThatDoNotFitAreRefused() {
        var problem = ToyProblem(images: 30, seed: 1)
        problem.start.layers[0].append(1)
        #expect(throws: CalibrationError(.checkpointMismatch(field: "biases"))) {
            try problem.stage(ToyProblem.options())
        }
        #expect(throws: CalibrationError(.noImages)) {
            try ToyProblem(images: 0, seed: 1).stage(ToyProblem.options())
        }
        var options = ToyProblem.options()
        options.epochs = 0
        #expect(throws: TuningError.self) {
            try ToyProblem(images: 3, seed: 1).stage(options)
        }
    }
}
