// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Calibration

@Suite struct TuningLossTests {
    private func target(_ vector: LossVector) -> TuningTarget {
        vector.kind == .crossEntropy ? .label(vector.label) : .logits(vector.target)
    }

    @Test func agreesWithPyTorch() {
        for vector in lossVectors {
            let loss = TuningLoss(vector.kind, temperature: vector.temperature)
            let (value, gradient) = loss.exact(student: vector.student, target: target(vector))
            // A softmax is rounded near 1, and its logarithm near 0 is what is left of that.
            let scale = vector.kind == .relativeL2 ? 0 : vector.temperature * 1e-3
            #expect(relativeError(value, vector.loss, scale: scale) <= 1e-12, "\(vector)")
            for (found, expected) in zip(gradient, vector.gradient) {
                #expect(relativeError(found, expected, scale: scale) <= 1e-12, "\(vector)")
            }
            let rounded = loss.evaluate(student: vector.student, target: target(vector))
            #expect(rounded.value == value)
            #expect(rounded.gradient == gradient.map { Float($0) })
            #expect(loss.value(student: vector.student, target: target(vector)) == value)
        }
    }

    @Test func gradientIsTheDerivative() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for kind in TuningOptions.Loss.allCases {
            let loss = TuningLoss(kind, temperature: 1.5)
            for _ in 0..<20 {
                // Multiples of 1/64, so that student ± h is exact in Float.
                let target = (0..<6).map { _ in (generator.unit() * 128).rounded() / 64 }
                let student = (0..<6).map { _ in (generator.unit() * 128).rounded() / 64 }
                let goal: TuningTarget = kind == .crossEntropy ? .label(3) : .logits(target)
                let gradient = loss.exact(student: student, target: goal).gradient
                let h: Float = 0x1p-14
                for index in student.indices {
                    var above = student
                    var below = student
                    above[index] += h
                    below[index] -= h
                    let slope =
                        (loss.value(student: above, target: goal)
                            - loss.value(student: below, target: goal)) / Double(2 * h)
                    // Truncation h²/6 · f''' plus rounding eps · f / h.
                    let scale = 1 + abs(gradient[index])
                    #expect(abs(slope - gradient[index]) <= 1e-7 * scale, "\(kind)")
                }
            }
        }
    }

    @Test func aTargetOfZerosIsNotDividedBy() {
        let loss = TuningLoss(.relativeL2, temperature: 1)
        let (value, gradient) = loss.evaluate(student: [3, -4], target: .logits([0, 0]))
        #expect(value == 25)
        #expect(gradient == [6, -8])
    }

    @Test func equalLogitsHaveNeitherLossNorGradient() {
        let logits: [Float] = [1, -2, 30, 0.5]
        for kind in [TuningOptions.Loss.kl, .relativeL2] {
            let result = TuningLoss(kind, temperature: 2).evaluate(
                student: logits, target: .logits(logits))
            #expect(result.value == 0)
            #expect(result.gradient == [0, 0, 0, 0])
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func whatIsNotFiniteShows(_ bad: Float) {
        for kind in TuningOptions.Loss.allCases {
            for position in 0..<3 {
                var student: [Float] = [1, 2, 3]
                student[position] = bad
                let goal: TuningTarget =
                    kind == .crossEntropy ? .label(position) : .logits([3, 2, 1])
                let result = TuningLoss(kind, temperature: 1).evaluate(
                    student: student, target: goal)
                #expect(!result.value.isFinite, "\(kind) \(position)")
                if kind != .crossEntropy {
                    let target = TuningLoss(kind, temperature: 1).evaluate(
                        student: [3, 2, 1], target: .logits(student))
                    #expect(!target.value.isFinite, "\(kind) \(position)")
                }
            }
        }
    }
}
