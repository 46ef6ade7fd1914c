// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Calibration

@Suite struct OptimizerTests {
    @Test(arguments: optimizerVectors.indices)
    func stepsAgreeWithPyTorch(_ index: Int) {
        let vector = optimizerVectors[index]
        var parameters = vector.start
        var state = vector.optimizer.initialState(parameters: parameters.count)
        for (step, gradients) in vector.gradients.enumerated() {
            vector.optimizer.step(
                &parameters, gradients: gradients, rate: vector.rates[step], state: &state)
            for (found, expected) in zip(parameters, vector.results[step]) {
                #expect(relativeError(found, expected, scale: 1e-2) <= 1e-12, "step \(step)")
            }
            // The last gradient is zero throughout.
            #expect(parameters[4] == vector.start[4])
        }
        #expect(state.steps == 10)
        #expect(vector.optimizer.fits(state, parameters: 5))
        #expect(!vector.optimizer.fits(state, parameters: 4))
    }

    @Test(arguments: optimizerVectors.indices)
    func aRestoredStateGoesOnWithEqualBits(_ index: Int) {
        let vector = optimizerVectors[index]
        var whole = vector.start
        var wholeState = vector.optimizer.initialState(parameters: whole.count)
        var parts = whole
        var partState = wholeState
        for (gradients, rate) in zip(vector.gradients, vector.rates) {
            vector.optimizer.step(&whole, gradients: gradients, rate: rate, state: &wholeState)
            partState = OptimizerState(
                steps: partState.steps, first: partState.first, second: partState.second)
            vector.optimizer.step(&parts, gradients: gradients, rate: rate, state: &partState)
        }
        #expect(whole == parts)
        #expect(wholeState == partState)
    }

    @Test(arguments: optimizerVectors.indices)
    func zeroGradientsChangeNothingWithoutMoments(_ index: Int) {
        let vector = optimizerVectors[index]
        var parameters = vector.start
        var state = vector.optimizer.initialState(parameters: parameters.count)
        let zeros = [Double](repeating: 0, count: parameters.count)
        for _ in 0..<3 {
            vector.optimizer.step(&parameters, gradients: zeros, rate: 0.1, state: &state)
        }
        #expect(parameters == vector.start)
        #expect(state.isFinite)
    }
}

@Suite struct LearningRateScheduleTests {
    @Test(arguments: scheduleVectors.indices)
    func agreesWithPyTorch(_ index: Int) {
        let vector = scheduleVectors[index]
        let schedule = LearningRateSchedule(
            learningRate: 0.02, schedule: vector.schedule, warmup: .steps(vector.warmup))
        for (step, expected) in vector.rates.enumerated() {
            let rate = schedule.rate(step: step, stepsPerEpoch: 4, totalSteps: 24)
            #expect(relativeError(rate, expected) <= 1e-12, "\(vector.schedule), step \(step)")
        }
    }

    @Test func warmupMayBeAShareOrEverything() {
        var schedule = LearningRateSchedule(
            learningRate: 1, schedule: .cosine, warmup: .share(0.26))
        #expect(schedule.warmupSteps(totalSteps: 10) == 3)
        #expect(schedule.rate(step: 3, stepsPerEpoch: 5, totalSteps: 10) == 1)
        schedule.warmup = .steps(1000)
        let rates = (0..<10).map { schedule.rate(step: $0, stepsPerEpoch: 5, totalSteps: 10) }
        #expect(rates == (1...10).map { Double($0) / 11 })
    }
}
