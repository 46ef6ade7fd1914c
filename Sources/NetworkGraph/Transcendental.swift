// SPDX-License-Identifier: Apache-2.0

/// Exponential, logarithm, trigonometric functions and powers from additions, multiplications and
/// divisions alone, since libm differs between machines.
///
/// Relative error below 4e-16 · max(1, |result|) over the ranges used (tested against libm).
package enum Transcendental {
    /// ln 2 in two parts, the first exact in 32 bits, so that `k * high` is exact.
    private static let ln2High = 0x1.62e42feep-1
    private static let ln2Low = 0x1.a39ef35793c76p-33

    /// `e^x`; 0 below -745, infinite above 709.78.
    package static func exp(_ x: Double) -> Double {
        if x.isNaN { return x }
        if x > 709.78 { return .infinity }
        if x < -745.2 { return 0 }
        let k = (x / (ln2High + ln2Low)).rounded(.toNearestOrEven)
        let r = (x - k * ln2High) - k * ln2Low
        // Taylor series on |r| <= 0.3466; the last term is below 2^-56 of the sum.
        var sum = 1.0
        var n = 14.0
        while n >= 1 {
            sum = 1 + r / n * sum
            n -= 1
        }
        return scale(sum, by: Int(k))
    }

    /// Natural logarithm of a positive number; -infinity for 0, NaN below.
    package static func log(_ x: Double) -> Double {
        if x.isNaN || x < 0 { return .nan }
        if x == 0 { return -.infinity }
        if x == .infinity { return x }
        var exponent = x.exponent
        var m = x.significand
        if m > 1.4142135623730951 {
            m /= 2
            exponent += 1
        }
        // log m = 2 atanh((m - 1) / (m + 1)), |s| <= 0.1716.
        let s = (m - 1) / (m + 1)
        let s2 = s * s
        var sum = 0.0
        var n = 25.0
        while n >= 1 {
            sum = 1 / n + s2 * sum
            n -= 2
        }
        let k = Double(exponent)
        return k * ln2High + (2 * s * sum + k * ln2Low)
    }

    /// Cosine with absolute error below 4e-16 for |x| <= 1e5; NaN beyond.
    package static func cos(_ x: Double) -> Double { circular(x, quarters: 0) }

    /// Sine with absolute error below 4e-16 for |x| <= 1e5; NaN beyond.
    package static func sin(_ x: Double) -> Double { circular(x, quarters: -1) }

    /// `cos(x + quarters * pi/2)`.
    private static func circular(_ x: Double, quarters: Int) -> Double {
        guard abs(x) <= 1e5 else { return .nan }
        // pi/2 in three parts, the first two exact in 33 bits (fdlibm's constants).
        let k = (x / (Double.pi / 2)).rounded(.toNearestOrEven)
        let r = ((x - k * 0x1.921fb544p+0) - k * 0x1.0b4611a6p-34) - k * 0x1.3198a2e037073p-69
        switch (Int(k) + quarters) & 3 {
        case 0: return taylor(r * r, first: 2)
        case 1: return -r * taylor(r * r, first: 3)
        case 2: return -taylor(r * r, first: 2)
        default: return r * taylor(r * r, first: 3)
        }
    }

    /// `e^x - 1` without cancellation around 0.
    package static func exponentialMinusOne(_ x: Double) -> Double {
        guard abs(x) < 0.25 else { return exp(x) - 1 }
        // Taylor series; the last term is below 2^-56 of the sum.
        var sum = 1.0
        var n = 14.0
        while n >= 2 {
            sum = 1 + x / n * sum
            n -= 1
        }
        return x * sum
    }

    /// Hyperbolic tangent, accurate around 0 as well.
    package static func tanh(_ x: Double) -> Double {
        guard abs(x) < 20 else { return x.isNaN ? x : x < 0 ? -1 : 1 }
        let grown = exponentialMinusOne(2 * x)
        return grown / (grown + 2)
    }

    /// Error function: `2/sqrt(pi) e^(-x²) (x + 2x³/3 + 4x⁵/15 + ...)`, whose terms have one sign.
    package static func erf(_ x: Double) -> Double {
        guard abs(x) < 6 else { return x.isNaN ? x : x < 0 ? -1 : 1 }
        var term = x
        var sum = x
        var n = 1.0
        while abs(term) > 0x1p-55 * abs(sum) {
            term *= 2 * x * x / (2 * n + 1)
            sum += term
            n += 1
        }
        return 2 / Double.pi.squareRoot() * exp(-x * x) * sum
    }

    /// `base^exponent`, NaN for a negative base and an exponent that is no integer.
    package static func pow(_ base: Double, _ exponent: Double) -> Double {
        if exponent == 0 { return 1 }
        if let integer = Int(exactly: exponent), abs(integer) <= 1024 {
            let result = power(base, abs(integer))
            return integer < 0 ? 1 / result : result
        }
        if exponent == 0.5 { return base.squareRoot() }
        if base == 0 { return exponent > 0 ? 0 : .infinity }
        return base > 0 ? exp(exponent * log(base)) : .nan
    }

    /// `base^exponent` by squaring; exponent at least 0.
    package static func power(_ base: Double, _ exponent: Int) -> Double {
        precondition(exponent >= 0)
        var result = 1.0
        var square = base
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            rest >>= 1
            if rest > 0 { square *= square }
        }
        return result
    }

    /// `1 - r²/(first-1)first + r⁴/(first-1)...(first+2) - ...`: cosine with 2, sine over r with 3.
    /// |r| <= pi/4; the last term is below 2^-58.
    private static func taylor(_ square: Double, first: Double) -> Double {
        var sum = 1.0
        var n = first + 16
        while n >= first {
            sum = 1 - square / ((n - 1) * n) * sum
            n -= 2
        }
        return sum
    }

    private static func scale(_ value: Double, by k: Int) -> Double {
        // Two steps keep subnormal results from rounding twice in the power itself.
        let half = k / 2
        return value * power(half) * power(k - half)
    }

    private static func power(_ k: Int) -> Double {
        Double(sign: .plus, exponent: k, significand: 1)
    }
}
