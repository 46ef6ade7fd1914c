// SPDX-License-Identifier: Apache-2.0

import Quantization
import TestSupport
import Testing

@testable import Calibration

@Suite struct MasterBiasesTests {
    @Test func mastersRoundBackToTheirBiases() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<100 {
            let layers = (0..<3).map { _ in
                TuningLayer(
                    steps: (0..<4).map { _ in Double.random(in: 1e-9...1, using: &generator) },
                    limits: [Int64](repeating: Int64(Int32.max), count: 4),
                    unit: Double.random(in: 1e-3...10, using: &generator))
            }
            let biases = BiasState(
                layers: layers.map {
                    $0.steps.map { _ in Int32.random(in: -.max ... .max, using: &generator) }
                })
            let masters = MasterBiases(layers: layers)
            #expect(masters.agree(masters.values(of: biases), with: biases))
        }
    }

    @Test func channelsBeyondTheirLimitKeepBothValues() {
        let masters = MasterBiases(layers: [
            TuningLayer(steps: [0.5, 0.5], limits: [10, -1], unit: 2),
            TuningLayer(steps: [1, 1, 1], limits: [.max, 10, 10], unit: 1),
        ])
        var biases = BiasState(layers: [[3, 4], [5, 6, 7]])
        var values = masters.values(of: biases)
        #expect(values == [0.75, 1, 5, 6, 7])
        let kept = masters.update(
            to: [2.625, 1, 3e9, -10.4, .nan], masters: &values, biases: &biases)
        // 2.625 · 2 / 0.5 = 10.5 rounds to even; int32 itself is a limit.
        #expect(biases == BiasState(layers: [[10, 4], [5, -10, 7]]))
        #expect(values == [2.625, 1, 5, -10.4, 7])
        #expect(kept == [1, 2, 4])
        #expect(masters.place(4) == (1, 2))
    }

    @Test func gradientsAreMeansInUnitsOfTheLayer() {
        let masters = MasterBiases(layers: [
            TuningLayer(steps: [1], limits: [1], unit: 4),
            TuningLayer(steps: [1], limits: [1], unit: 0.5),
        ])
        #expect(masters.gradients([10, 20], images: 5) == [8, 2])
    }
}
