// SPDX-License-Identifier: Apache-2.0

/// Counts of a tensor's values in bins of equal width.
package struct Histogram: Hashable, Sendable {
    /// At least one bin.
    package var counts: [Int64]
    /// Lower edge of the first bin and upper edge of the last.
    package var edges: ActivationRange

    /// `counts` must not be empty; equal edges make bins without width.
    package init(counts: [Int64], edges: ActivationRange) {
        precondition(!counts.isEmpty)
        self.counts = counts
        self.edges = edges
    }

    private var width: Double {
        (Double(edges.upper) - Double(edges.lower)) / Double(counts.count)
    }

    /// The range an estimator takes, inside the edges.
    package func range(_ estimator: RangeEstimator, type: IntegerType) -> ActivationRange {
        guard edges.upper > edges.lower, counts.contains(where: { $0 > 0 }) else { return edges }
        switch estimator {
        case .minmax: return edges
        case .percentile(let percentile): return self.range(percentile: percentile)
        case .mse: return leastError(type: type)
        }
    }

    /// Cuts off `100 - percentile` percent of the values at either end, in whole bins. A ReLU's
    /// zeros make the lower end its own.
    private func range(percentile: Double) -> ActivationRange {
        let total = counts.reduce(0) { $0 &+ $1 }
        let cut = Double(total) * (100 - percentile) / 100
        func binsCut(_ counts: some Sequence<Int64>) -> Int {
            var (sum, bins): (Int64, Int) = (0, 0)
            for count in counts {
                sum &+= count
                if Double(sum) > cut { break }
                bins += 1
            }
            return bins
        }
        let (below, above) = (binsCut(counts), binsCut(counts.reversed()))
        guard below + above < counts.count else { return edges }
        return ActivationRange(
            lower: below == 0 ? edges.lower : Float(Double(edges.lower) + Double(below) * width),
            upper: above == 0 ? edges.upper : Float(Double(edges.upper) - Double(above) * width))
    }

    private static let step = 0.01
    private static let steps = 90

    /// The range with the least squared error of the quantized values, each standing for the middle
    /// of its bin; candidates shrink either end towards 0.
    private func leastError(type: IntegerType) -> ActivationRange {
        let middles = counts.indices.filter { counts[$0] > 0 }.map { bin in
            (Double(edges.lower) + (Double(bin) + 0.5) * width, Double(counts[bin]))
        }
        func range(_ lower: Int, _ upper: Int) -> ActivationRange {
            func shrunk(_ edge: Float, _ steps: Int) -> Float {
                steps == 0 ? edge : Float(Double(edge) * (1 - Self.step * Double(steps)))
            }
            return ActivationRange(
                lower: shrunk(min(edges.lower, 0), lower), upper: shrunk(max(edges.upper, 0), upper)
            )
        }
        var best = (lower: 0, upper: 0, error: Double.infinity)
        func consider(_ lower: Int, _ upper: Int) {
            let quantization = TensorQuantization(covering: range(lower, upper), type: type)
            let error = quantization.squaredError(middles)
            if error < best.error { best = (lower, upper, error) }
        }
        consider(0, 0)
        for _ in 0..<(edges.lower < 0 && edges.upper > 0 ? 2 : 1) {
            if edges.upper > 0 { for steps in 0...Self.steps { consider(best.lower, steps) } }
            if edges.lower < 0 { for steps in 0...Self.steps { consider(steps, best.upper) } }
        }
        return range(best.lower, best.upper)
    }
}

extension TensorQuantization {
    /// `Σ count (quantized - value)²` in Double.
    fileprivate func squaredError(_ values: [(value: Double, count: Double)]) -> Double {
        let (scale, zero) = (Double(scale), Double(unsignedZeroPoint))
        var sum = 0.0
        for (value, count) in values {
            let level = min(max((value / scale).rounded(.toNearestOrEven) + zero, 0), 255) - zero
            let error = level * scale - value
            sum += count * (error * error)
        }
        return sum
    }
}
