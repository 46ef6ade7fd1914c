/// Exponential and logarithm from additions, multiplications and divisions alone, since libm differs between machines.
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

    private static func scale(_ value: Double, by k: Int) -> Double {
        // Two steps keep subnormal results from rounding twice in the power itself.
        let half = k / 2
        return value * power(half) * power(k - half)
    }

    private static func power(_ k: Int) -> Double {
        Double(sign: .plus, exponent: k, significand: 1)
    }
}
