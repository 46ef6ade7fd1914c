// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Quantization

@Suite struct WeightRangeSearchTests {
    /// `Σ importance (quantized - weight)²`, straight from the definition.
    private static func error(
        _ weights: [Float], _ importance: [Float], _ range: WeightRange,
        _ quantizer: WeightQuantizer
    ) -> Double {
        let scale = quantizer.scale(of: range)
        let quantized = quantizer.quantize(weights, ranges: [range], scales: [scale])
        return weights.indices.reduce(0) { sum, index in
            let real =
                Double(Int(quantized.values[index]) - quantized.zeroPoints[0]) * Double(scale)
            let difference = real - Double(weights[index])
            return sum + Double(importance[index]) * difference * difference
        }
    }

    @Test(arguments: [4, 6, 8], WeightSymmetry.allCases)
    func neverWorseThanTheFullRange(bits: Int, symmetry: WeightSymmetry) {
        var generator = SeededGenerator(seed: TestSeed.value)
        let quantizer = WeightQuantizer(symmetry: symmetry, bits: bits)
        for count in [1, 3, 8, 9, 67, 600] {
            // A cube has outliers.
            let weights = (0..<count).map { _ in
                let unit = generator.unit()
                return unit * unit * unit + 0.1
            }
            let importance = (0..<count).map { _ in generator.unit() + 1 }
            let full = WeightRange(of: weights[...])
            let found = WeightRangeSearch(quantizer: quantizer)
                .range(of: weights[...], importance: importance[...])
            #expect(found.lowest >= full.lowest && found.highest <= full.highest)
            let (before, after) = (
                Self.error(weights, importance, full, quantizer),
                Self.error(weights, importance, found, quantizer)
            )
            // The search rounds products to Float.
            #expect(after <= before * 1.0001 + 1e-12, "seed \(TestSeed.value), \(count) weights")
        }
    }

    @Test(arguments: WeightSymmetry.allCases)
    func aLoneOutlierIsCutOff(symmetry: WeightSymmetry) {
        var weights = (0..<2000).map { Float($0 % 40) / 40 - 0.5 }
        weights.append(2)
        let quantizer = WeightQuantizer(symmetry: symmetry, bits: 4)
        let ones = [Float](repeating: 1, count: weights.count)
        let found = WeightRangeSearch(quantizer: quantizer)
            .range(of: weights[...], importance: ones[...])
        #expect(found.highest < 1.5)
        // What nobody may get wrong stays in.
        var importance = ones
        importance[2000] = 1e6
        let kept = WeightRangeSearch(quantizer: quantizer)
            .range(of: weights[...], importance: importance[...])
        #expect(kept.highest > 1.9)
    }

    @Test func zerosKeepTheirRange() {
        let zeros = [Float](repeating: 0, count: 12)
        let quantizer = WeightQuantizer(symmetry: .asymmetric, bits: 8)
        let found = WeightRangeSearch(quantizer: quantizer).range(
            of: zeros[...], importance: zeros[...])
        #expect(found == WeightRange(lowest: 0, highest: 0))
    }
}
