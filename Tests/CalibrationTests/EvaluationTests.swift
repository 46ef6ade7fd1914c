// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import TestSupport
import Testing

@testable import Calibration

@Suite struct EvaluationTests {
    @Test func countsAndRatios() {
        var evaluation = Evaluation(outputs: [3])
        evaluation.add(float: [1, 3, 2], quantized: [1, 2, 3], label: 1)
        evaluation.add(float: [4, 0, 0], quantized: [4, 0, 0], label: 2)
        #expect(evaluation.images == 2)
        #expect(evaluation.floatTop1 == 0.5)
        #expect(evaluation.quantizedTop1 == 0)
        #expect(evaluation.agreement == 0.5)
        // Σ x² = 14 + 16, Σ e² = 2.
        #expect(abs(evaluation.sqnr - 10 * log10(15)) < 1e-12)
    }

    @Test func equalLogitsHaveNoNoise() {
        var evaluation = Evaluation(outputs: [2])
        evaluation.add(float: [1, 2], quantized: [1, 2], label: nil)
        #expect(evaluation.sqnr == .infinity)
        #expect(evaluation.kl == 0)
        #expect(evaluation.floatTop1 == nil)
    }

    @Test func outputsAreJudgedOneByOne() {
        var evaluation = Evaluation(outputs: [1, 2])
        evaluation.add(float: [3, 10, 20], quantized: [2, 10, 21], label: nil)
        evaluation.add(float: [1, 0, 0], quantized: [1, 0, 0], label: nil)
        let ratios: [Double] = [10 * log10(10.0), 10 * log10(500.0)]
        #expect(zip(evaluation.sqnrs, ratios).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(abs(evaluation.sqnr - (ratios[0] + ratios[1]) / 2) < 1e-12)
        #expect(evaluation.agreement == nil && evaluation.kl == nil)
    }

    @Test func divergenceMatchesItsDefinition() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<200 {
            let a = (0..<50).map { _ in generator.unit() * 8 }
            let b = a.map { $0 + generator.unit() }
            func softmax(_ x: [Float]) -> [Double] {
                let e = x.map { Foundation.exp(Double($0)) }
                let sum = e.reduce(0, +)
                return e.map { $0 / sum }
            }
            let (p, q) = (softmax(a), softmax(b))
            let expected = zip(p, q).map { $0 * Foundation.log($0 / $1) }.reduce(0, +)
            var evaluation = Evaluation(outputs: [50])
            evaluation.add(float: a, quantized: b, label: nil)
            #expect(abs(try #require(evaluation.kl) - expected) < 1e-12)
        }
    }

    @Test func polynomialsAgreeWithTheLibrary() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<100_000 {
            let x = Double.random(in: -700...700, using: &generator)
            let reference = Foundation.exp(x)
            #expect(abs(Transcendental.exp(x) - reference) <= 1e-15 * reference, "exp(\(x))")
            let y =
                Double.random(in: 0...1, using: &generator)
                * Foundation.exp(Double.random(in: -300...300, using: &generator))
            if y > 0 {
                let log = Foundation.log(y)
                #expect(abs(Transcendental.log(y) - log) <= 1e-15 * max(1, abs(log)), "log(\(y))")
            }
        }
        #expect(Transcendental.exp(0) == 1)
        #expect(Transcendental.log(1) == 0)
        #expect(Transcendental.exp(-1000) == 0)
        #expect(Transcendental.log(0) == -.infinity)
        #expect(Transcendental.log(-1).isNaN)
    }

    @Test func polynomialBitsArePinned() {
        // Written down once; another value on another machine breaks the numerics contract.
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        for step in -2_000...2_000 {
            let x = Double(step) * 0.173_205_080_756_887_7
            for bits in [
                Transcendental.exp(x).bitPattern, Transcendental.log(abs(x) + 1e-3).bitPattern,
            ] {
                digest = (digest ^ bits) &* 0x100_0000_01B3
            }
        }
        #expect(digest == 0x2d98_fc7d_30bf_7b40, "digest \(String(digest, radix: 16))")
    }
}
