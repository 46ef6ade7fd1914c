// SPDX-License-Identifier: Apache-2.0

/// Finds the range of a group of weights whose quantization error is least.
///
/// A range that cuts off the largest weights has finer steps for all others. Candidates shrink the
/// range from smallest to largest weight: both ends together, then each end alone around the best
/// so far.
struct WeightRangeSearch {
    let quantizer: WeightQuantizer

    private static let step: Float = 0.02
    /// The narrowest candidate is `1 - step * steps` of the full range.
    private static let steps = 40
    private static let refinement = 8

    /// - Parameters:
    ///   - weights: of one group.
    ///   - importance: of each weight's squared error, at least 0; as many as weights.
    /// - Returns: the candidate with the least `Σ importance (quantized - weight)²`; of equal ones
    ///   the widest.
    func range(of weights: ArraySlice<Float>, importance: ArraySlice<Float>) -> WeightRange {
        let full = WeightRange(of: weights)
        guard quantizer.scale(of: full) >= Float.leastNormalMagnitude else { return full }
        var best = (shares: (lower: Float(1), upper: Float(1)), error: Double.infinity)
        func range(_ lower: Float, _ upper: Float) -> WeightRange {
            WeightRange(lowest: full.lowest * lower, highest: full.highest * upper)
        }
        weights.withUnsafeBufferPointer { weights in
            importance.withUnsafeBufferPointer { importance in
                func consider(_ lower: Float, _ upper: Float) {
                    guard lower > 0, upper > 0, lower <= 1, upper <= 1 else { return }
                    let error = error(weights, importance, range(lower, upper))
                    if error < best.error { best = ((lower, upper), error) }
                }
                for step in 0...Self.steps {
                    let share = 1 - Self.step * Float(step)
                    consider(share, share)
                }
                guard quantizer.symmetry == .asymmetric else { return }
                for _ in 0..<2 {
                    let (lower, _) = best.shares
                    for step in 1...Self.refinement {
                        consider(lower + Self.step * Float(step), best.shares.upper)
                        consider(lower - Self.step * Float(step), best.shares.upper)
                    }
                    let (_, upper) = best.shares
                    for step in 1...Self.refinement {
                        consider(best.shares.lower, upper + Self.step * Float(step))
                        consider(best.shares.lower, upper - Self.step * Float(step))
                    }
                }
            }
        }
        return range(best.shares.lower, best.shares.upper)
    }

    /// Lanes summed in Float before they are added up in Double.
    private static let block = 64

    /// `Σ importance (quantized - weight)²`, summed in a fixed order.
    private func error(
        _ weights: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>,
        _ range: WeightRange
    ) -> Double {
        let scale = quantizer.scale(of: range)
        guard scale >= Float.leastNormalMagnitude else { return .infinity }
        let zero = quantizer.zeroPoint(of: range, scale: scale)
        let lowest = Float(quantizer.levels.lowerBound - zero)
        let highest = Float(quantizer.levels.upperBound - zero)
        let inverse = 1 / scale
        // Adding and subtracting 1.5 · 2²³ rounds to an integer, half to even.
        let rounding: Float = 12_582_912
        var sum = 0.0
        var index = 0
        while index + WeightLanes.scalarCount <= weights.count {
            var partial = WeightLanes.zero
            let end = min(index + Self.block * WeightLanes.scalarCount, weights.count)
            while index + WeightLanes.scalarCount <= end {
                let weight = WeightLanes(weights, at: index)
                let factor = WeightLanes(importance, at: index)
                let level = (weight * inverse).limited(to: lowest...highest)
                let difference = ((level + rounding) - rounding) * scale - weight
                partial += factor * (difference * difference)
                index += WeightLanes.scalarCount
            }
            for lane in 0..<WeightLanes.scalarCount { sum += Double(partial[lane]) }
        }
        while index < weights.count {
            let level = min(max(weights[index] * inverse, lowest), highest)
            let difference = ((level + rounding) - rounding) * scale - weights[index]
            sum += Double(importance[index] * (difference * difference))
            index += 1
        }
        return sum
    }
}
