// SPDX-License-Identifier: Apache-2.0

/// Keeps the sums of pairs of int8 weights within 16 bits, at the least cost.
///
/// Where a pair of an output channel can saturate, the channel's scale grows, which makes all its
/// weights smaller, or the pair's weights are cut, or both: of the scales from the given one to the
/// first that needs no cut, the one with the least squared error of the weights.
struct PairLimiter {
    let pairs: ProductPairs
    let quantizer: WeightQuantizer

    /// Growth from one candidate to the next, as a share of the given scale.
    private static let step: Float = 0.02
    /// With twice the scale, no weight exceeds 64.
    private static let steps = 50

    /// - Parameters:
    ///   - weights: int8, of one convolution; one scale per output channel or one for all.
    ///   - float: as many, before quantization.
    ///   - importance: of each weight's squared error, at least 0.
    /// - Returns: weights none of whose pairs can saturate, and by which factor the
    ///   importance-weighted squared error grew, at least 1.
    func limit(
        _ weights: QuantizedWeights, float: [Float], importance: [Float]
    ) -> (weights: QuantizedWeights, cost: Double) {
        var limited = weights
        let taps = pairs.reach[0].count
        let groupSize = weights.values.count / weights.scales.count
        var (before, after) = (0.0, 0.0)
        for group in weights.scales.indices {
            let range = group * groupSize..<(group + 1) * groupSize
            let channels = range.lowerBound / taps..<range.upperBound / taps
            let part = Part(
                float: float[range], importance: importance[range],
                reach: channels.flatMap(pairs.reach(ofOutput:)),
                pairs: pairs.repeated(channels.count))
            let given = weights.values[range].map(Int32.init)
            let error = part.error(given, scale: weights.scales[group])
            before += error
            guard part.exceeds(given) else {
                after += error
                continue
            }
            let best = part.best(scale: weights.scales[group], levels: quantizer.levels)
            after += best.error
            limited.scales[group] = best.scale
            limited.values.replaceSubrange(range, with: best.values.map(Int16.init))
        }
        return (limited, before > 0 ? max(after / before, 1) : after > 0 ? .infinity : 1)
    }

    /// Weights that share a scale.
    private struct Part {
        let float: ArraySlice<Float>
        let importance: ArraySlice<Float>
        /// As many.
        let reach: [Int32]
        /// Positions in it.
        let pairs: [ProductPairs.Pair]

        func exceeds(_ values: [Int32]) -> Bool {
            pairs.contains {
                ProductPairs.exceed(
                    values[$0.first], values[$0.second], reach: (reach[$0.first], reach[$0.second]))
            }
        }

        func error(_ values: [Int32], scale: Float) -> Double {
            zip(values, zip(float, importance)).reduce(0) { sum, weight in
                let difference = Float(weight.0) * scale - weight.1.0
                return sum + Double(weight.1.1 * (difference * difference))
            }
        }

        func best(
            scale given: Float, levels: ClosedRange<Int>
        ) -> (values: [Int32], scale: Float, error: Double) {
            var best = (values: [Int32](), scale: given, error: Double.infinity)
            for step in 0...PairLimiter.steps {
                let scale = given * (1 + PairLimiter.step * Float(step))
                var values = rounded(scale, levels)
                let isCut = cut(&values, scale: scale)
                let error = error(values, scale: scale)
                if error < best.error { best = (values, scale, error) }
                if !isCut { break }
            }
            return best
        }

        private func rounded(_ scale: Float, _ levels: ClosedRange<Int>) -> [Int32] {
            let (lowest, highest) = (Float(levels.lowerBound), Float(levels.upperBound))
            return float.map {
                Int32(min(max(($0 / scale).rounded(.toNearestOrEven), lowest), highest))
            }
        }

        /// Brings every pair within the limit. A cut only makes weights smaller, so a pair stays
        /// within it when the next, which may share a weight, is cut.
        private func cut(_ values: inout [Int32], scale: Float) -> Bool {
            var isCut = false
            for pair in pairs {
                let reach = (reach[pair.first], reach[pair.second])
                guard ProductPairs.exceed(values[pair.first], values[pair.second], reach: reach)
                else { continue }
                let wanted = (
                    abs(float[float.startIndex + pair.first]) / scale,
                    abs(float[float.startIndex + pair.second]) / scale
                )
                let counts = (
                    importance[importance.startIndex + pair.first],
                    importance[importance.startIndex + pair.second]
                )
                let sign: Int32 = values[pair.first] < 0 ? -1 : 1
                var best = (first: Int32(0), second: Int32(0), error: Float.infinity)
                for first in 0...abs(values[pair.first])
                where first &* reach.0 <= ProductPairs.limit {
                    let room =
                        reach.1 == 0 ? Int32.max : (ProductPairs.limit - first * reach.0) / reach.1
                    let second = min(abs(values[pair.second]), room)
                    let lost = (Float(first) - wanted.0, Float(second) - wanted.1)
                    let error = counts.0 * (lost.0 * lost.0) + counts.1 * (lost.1 * lost.1)
                    if error < best.error { best = (first, second, error) }
                }
                values[pair.first] = sign * best.first
                values[pair.second] = sign * best.second
                isCut = true
            }
            return isCut
        }
    }
}
