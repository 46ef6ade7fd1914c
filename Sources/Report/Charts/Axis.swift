// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Maps values to a coordinate and knows its ticks.
struct Axis {
    enum Scale { case linear, logarithmic }

    let scale: Scale
    let lower: Double
    let upper: Double
    /// Coordinates of `lower` and `upper`.
    let from: Double
    let to: Double
    let ticks: [Double]

    /// A linear axis that covers the finite ones of some values and ends on round numbers.
    init(
        linear values: [Double], includingZero: Bool = true, ticks wanted: Int = 5, from: Double,
        to: Double
    ) {
        let finite = values.filter(\.isFinite)
        var low = finite.min() ?? 0
        var high = finite.max() ?? 1
        if includingZero { (low, high) = (min(low, 0), max(high, 0)) }
        if !(high > low) { high = low + max(abs(low), 1) }
        let step = Self.roundStep((high - low) / Double(max(wanted, 1)))
        let first = (low / step).rounded(.down)
        let last = (high / step).rounded(.up)
        (scale, lower, upper) = (.linear, first * step, last * step)
        (self.from, self.to) = (from, to)
        ticks = (0...Int(min(last - first, 50))).map { (first + Double($0)) * step }
    }

    /// A logarithmic axis over whole decades, at most `decades` below the largest value.
    init(logarithmic values: [Double], decades: Int = 5, from: Double, to: Double) {
        let positive = values.filter { $0.isFinite && $0 > 0 }
        let high = ceil(log10(positive.max() ?? 1) - 1e-9)
        let low = max(floor(log10(positive.min() ?? 0.1) + 1e-9), high - Double(decades))
        let first = Int(min(low, high - 1))
        (scale, lower, upper) = (.logarithmic, pow(10, Double(first)), pow(10, high))
        (self.from, self.to) = (from, to)
        ticks = (first...Int(high)).map { pow(10, Double($0)) }
    }

    /// Values outside end at the axis' ends.
    func position(_ value: Double) -> Double {
        let share: Double
        switch scale {
        case .linear: share = (value - lower) / (upper - lower)
        case .logarithmic:
            share =
                value > 0
                ? (log10(value) - log10(lower)) / (log10(upper) - log10(lower)) : 0
        }
        return from + min(max(share.isNaN ? 0 : share, 0), 1) * (to - from)
    }

    private static func roundStep(_ raw: Double) -> Double {
        let power = pow(10, floor(log10(raw)))
        return [1, 2, 2.5, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999 } ?? 10 * power
    }
}
