// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import JobState
import Quantization
import TestSupport
import Testing

@Suite struct BiasBytesTests {
    @Test func layersFollowOneAnotherInLittleEndian() {
        let state = BiasState(layers: [[1, -2], [0x0102_0304]])
        #expect(
            state.encoded() == [1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 4, 3, 2, 1])
        #expect(BiasState(layers: []).encoded() == [])
    }

    @Test func biasesSurvive() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let network = try #require(
            try SimulatedJob.pre.job(resuming: SimulatedJob.pre.progress).quantized)
        for _ in 0..<50 {
            var state = BiasState(of: network)
            for layer in state.layers.indices {
                state.layers[layer] = state.layers[layer].map { _ in
                    Int32.random(in: Int32.min...Int32.max, using: &generator)
                }
            }
            #expect(BiasState(decoding: state.encoded(), for: network) == state)
        }
    }

    @Test func otherSizesAreRefused() throws {
        let network = try #require(
            try SimulatedJob.pre.job(resuming: SimulatedJob.pre.progress).quantized)
        let bytes = BiasState(of: network).encoded()
        for count in 0..<bytes.count {
            #expect(BiasState(decoding: Array(bytes.prefix(count)), for: network) == nil)
        }
        #expect(BiasState(decoding: bytes + [0], for: network) == nil)
        #expect(BiasState(decoding: bytes + [0, 0, 0, 0], for: network) == nil)
    }
}
