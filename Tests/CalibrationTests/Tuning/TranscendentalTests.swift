// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import TestSupport
import Testing

@Suite struct TranscendentalTests {
    @Test func cosineAgreesWithTheLibrary() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for limit in [1e-8, 1, Double.pi, 100, 1e5] {
            for _ in 0..<20_000 {
                let x = Double.random(in: -limit...limit, using: &generator)
                #expect(abs(Transcendental.cos(x) - Foundation.cos(x)) <= 4e-16, "cos(\(x))")
            }
        }
        #expect(Transcendental.cos(0) == 1)
        #expect(Transcendental.cos(.pi) == -1)
        #expect(abs(Transcendental.cos(.pi / 2)) < 1e-16)
        #expect(Transcendental.cos(.nan).isNaN)
        #expect(Transcendental.cos(.infinity).isNaN)
        #expect(Transcendental.cos(1e300).isNaN)
    }

    /// Relative to the result, so that nothing is lost around 0.
    @Test func functionsOfWeightsAgreeWithTheLibrary() {
        var generator = SeededGenerator(seed: TestSeed.value)
        func check(
            _ name: String, _ range: ClosedRange<Double>, _ ours: (Double) -> Double,
            _ reference: (Double) -> Double, tolerance: Double = 4e-15
        ) {
            for exponent in [0, -3, -8] {
                for _ in 0..<2000 {
                    let x =
                        Double.random(in: range, using: &generator)
                        * Foundation.pow(10, Double(exponent))
                    let (found, expected) = (ours(x), reference(x))
                    #expect(
                        abs(found - expected) <= tolerance * abs(expected),
                        "\(name)(\(x)) is \(found), not \(expected)")
                }
            }
        }
        check("sin", -0.5...0.5, Transcendental.sin, Foundation.sin)
        check("tanh", -25...25, Transcendental.tanh, Foundation.tanh)
        check("erf", -7...7, Transcendental.erf, Foundation.erf)
        check("expm1", -30...30, Transcendental.exponentialMinusOne, Foundation.expm1)
        for exponent in [-3, 2, 0.5, 1.7, -0.3] {
            check(
                "pow \(exponent)", 0.01...90, { Transcendental.pow($0, exponent) },
                { Foundation.pow($0, exponent) }, tolerance: 1e-13)
        }
        for x in [-1e5, -3, 0.7, 2, 1e5] {
            #expect(abs(Transcendental.sin(x) - Foundation.sin(x)) <= 4e-16, "sin(\(x))")
        }
        #expect(Transcendental.pow(-2, 3) == -8 && Transcendental.pow(-2, 0.5).isNaN)
        #expect(Transcendental.pow(0, 2.5) == 0 && Transcendental.pow(0, -1) == .infinity)
        #expect(Transcendental.tanh(.infinity) == 1 && Transcendental.erf(-.infinity) == -1)
        for function in [Transcendental.sin, Transcendental.tanh, Transcendental.erf] {
            #expect(function(.nan).isNaN && function(0) == 0)
        }
    }

    @Test func powersAgreeWithTheLibrary() {
        for base in [0.0, 0.3, 0.9, 0.999, 1] {
            for exponent in [0, 1, 2, 3, 10, 31, 1000, 12_345] {
                let expected = Foundation.pow(base, Double(exponent))
                let found = Transcendental.power(base, exponent)
                // Every squaring doubles the relative error.
                let tolerance = Double(max(exponent, 1)) * 0x1p-53
                #expect(relativeError(found, expected) <= tolerance, "\(base)^\(exponent)")
            }
        }
    }
}
