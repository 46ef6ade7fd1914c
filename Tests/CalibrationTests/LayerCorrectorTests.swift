// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization
import TestSupport
import Testing

@testable import Calibration

/// One round stands for many steps where outputs follow their biases in a straight line.
@Suite struct LayerCorrectorTests {
    /// One channel whose pixels are either far below a clamp at 0 or above it, so that its slope is
    /// their share.
    private struct Channel {
        /// Sums of the pixels that pass, in steps of the accumulator; the others give 0.
        var passing: [Int32]
        var clamped: Int
        /// Steps of the accumulator in one of the output.
        let ratio: Int32 = 64

        var count: Int { passing.count + clamped }

        func sums(bias: Int32) -> (accumulators: Int64, outputs: Int64) {
            let floor: Int32 = -1_000_000
            return (
                passing.reduce(0) { $0 + Int64($1) } + Int64(clamped) * Int64(floor),
                passing.reduce(0) { sum, value in
                    let (quotient, rest) = (value + bias).quotientAndRemainder(dividingBy: ratio)
                    precondition(rest == 0 && quotient > 0 && quotient < 255)
                    return sum + Int64(quotient)
                }
            )
        }
    }

    private func corrector(
        _ channel: Channel, meanBefore: Double, meanBehind: Double, iterations: Int
    ) -> LayerCorrector {
        LayerCorrector(
            parameters: QuantizedParameters(
                weights: [1], type: .int8, scales: [1], zeroPoints: [0], bias: [0]),
            input: TensorQuantization(scale: 1, zeroPoint: 0, type: .uint8),
            count: Double(channel.count), meansBefore: [meanBefore],
            behind: LayerCorrector.Behind(
                quantization: TensorQuantization(
                    scale: Float(channel.ratio), zeroPoint: 0, type: .uint8),
                means: [meanBehind], raise: [channel.ratio], iterations: iterations),
            limits: [1 << 30])
    }

    @Test(arguments: 1...6)
    func equalsAsManyStepsOneByOne(iterations: Int) {
        var generator = SeededGenerator(seed: TestSeed.value &+ UInt64(iterations))
        for _ in 0..<50 {
            let channel = Channel(
                passing: (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                    64 * Int32.random(in: 60...120, using: &generator)
                }, clamped: Int.random(in: 0...40, using: &generator))
            let bias = 64 * Int32.random(in: -20...20, using: &generator)
            let (accumulators, outputs) = channel.sums(bias: bias)
            let raised = channel.sums(bias: bias + channel.ratio).outputs
            let count = Double(channel.count)
            let meanBefore =
                Double(accumulators) / count + Double.random(in: -900...900, using: &generator)
            let meanBehind =
                Double(outputs) * 64 / count + Double.random(in: -900...900, using: &generator)
            let corrector = corrector(
                channel, meanBefore: meanBefore, meanBehind: meanBehind, iterations: iterations)
            var sums = LayerSums(channels: 1, .post)
            (sums.accumulators, sums.outputs, sums.raisedOutputs) = (
                [accumulators], [outputs], [raised]
            )

            // In real numbers: the closed form, then each step takes out what is left behind the
            // clamp.
            let slope = Double(channel.passing.count) / count
            var expected = -(Double(accumulators) / count - meanBefore)
            for _ in 0..<iterations {
                let mean = Double(outputs) * 64 / count + slope * (expected - Double(bias))
                expected -= mean - meanBehind
            }
            let found = Double(bias) - corrector.excess(sums, biases: [bias])[0]
            #expect(
                abs(found - expected) <= 1e-6 * max(abs(expected), 1), "seed \(TestSeed.value)")
        }
    }

    @Test func aChannelThatNeverPassesGetsItsClosedForm() {
        let channel = Channel(passing: [], clamped: 9)
        let corrector = corrector(
            channel, meanBefore: -999_900, meanBehind: 0, iterations: 3)
        var sums = LayerSums(channels: 1, .post)
        sums.accumulators = [channel.sums(bias: 0).accumulators]
        let (biases, overflowing) = corrector.corrected(
            [40], excess: corrector.excess(sums, biases: [40]), initial: [7])
        #expect(biases == [100])
        #expect(overflowing.isEmpty)
    }

    @Test func aBiasThatCouldOverflowStaysAsItWas() {
        let channel = Channel(passing: [6_400], clamped: 0)
        let corrector = corrector(channel, meanBefore: 2e9, meanBehind: 0, iterations: 1)
        let (biases, overflowing) = corrector.corrected([40], excess: [-2e9], initial: [7])
        #expect(biases == [7])
        #expect(overflowing == [0])
    }
}
