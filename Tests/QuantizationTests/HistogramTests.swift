// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Quantization

@Suite struct HistogramTests {
    private static func histogram(
        _ values: [Float], bins: Int = 2048
    ) throws -> Histogram {
        let edges = ActivationRange(
            lower: try #require(values.min()), upper: try #require(values.max()))
        var counts = [Int64](repeating: 0, count: bins)
        let width = (Double(edges.upper) - Double(edges.lower)) / Double(bins)
        for value in values {
            counts[min(Int((Double(value) - Double(edges.lower)) / width), bins - 1)] += 1
        }
        return Histogram(counts: counts, edges: edges)
    }

    private static func error(_ values: [Float], _ range: ActivationRange) -> Double {
        let quantization = TensorQuantization(covering: range, type: .uint8)
        return values.reduce(0) { sum, value in
            let difference = Double(quantization.real(quantization.stored(value))) - Double(value)
            return sum + difference * difference
        }
    }

    @Test func percentileCutsItsShareOffEitherEnd() throws {
        let values = (0..<10_000).map { Float($0) / 10_000 - 0.5 }
        let histogram = try Self.histogram(values)
        let range = histogram.range(.percentile(99), type: .uint8)
        #expect(abs(range.lower + 0.49) < 0.001)
        #expect(abs(range.upper - 0.49) < 0.001)
        #expect(histogram.range(.percentile(100), type: .uint8) == histogram.edges)
    }

    @Test func zerosOfAReLUKeepTheLowerEnd() throws {
        let values = (0..<10_000).map { max(Float($0) / 5_000 - 1, 0) }
        let histogram = try Self.histogram(values)
        #expect(histogram.edges.lower == 0)
        #expect(histogram.range(.percentile(99), type: .uint8).lower == 0)
        #expect(histogram.range(.mse, type: .uint8).lower == 0)
    }

    @Test(arguments: [true, false])
    func leastErrorIsNoWorseThanTheExtremes(isSigned: Bool) throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<5 {
            var values = (0..<100_000).map { _ in
                let unit = generator.unit()
                // Not many within half a step of 0: they have one error whatever the range is.
                return unit * unit * (isSigned ? generator.unit() : 1)
            }
            values.append(9)
            let histogram = try Self.histogram(values)
            let range = histogram.range(.mse, type: .uint8)
            #expect(range.upper < 9, "seed \(TestSeed.value)")
            let (before, after) = (Self.error(values, histogram.edges), Self.error(values, range))
            // A value stands for the middle of its bin.
            #expect(after < before * 1.02, "seed \(TestSeed.value): \(before) → \(after)")
        }
    }

    @Test func nothingToSee() {
        let edges = ActivationRange(lower: 2, upper: 2)
        for estimator in [RangeEstimator.minmax, .percentile(99), .mse] {
            #expect(
                Histogram(counts: [5, 0], edges: edges).range(estimator, type: .int8) == edges)
            #expect(
                Histogram(counts: [0, 0], edges: ActivationRange(lower: 0, upper: 1))
                    .range(estimator, type: .int8) == ActivationRange(lower: 0, upper: 1))
        }
    }
}
