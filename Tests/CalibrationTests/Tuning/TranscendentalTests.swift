import Foundation
import TestSupport
import Testing

@testable import Calibration

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
