// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestSupport
import Testing

@Suite struct StatisticsTests {
    @Test(arguments: TestSeed.values(30))
    func floatStatisticsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let (pixels, channels) = (random.int(1...200), random.int(1...45))
        let clamp = random.clamp()
        let images = (0..<2).map { _ in random.floats(pixels * channels) }
        for isa in InstructionSet.available {
            var expected = ScalarReference.FloatStatistics(channels: channels)
            let buffers = StatisticsBuffers(channels: channels)
            // The second image continues from the sums of the first.
            for image in images {
                var clamped = image
                ScalarReference.floatStatistics(&clamped, clamp: clamp, into: &expected)
                let values = Buffer(image)
                StatisticsKernels.floatStatistics(
                    values.pointer, clamp: clamp, pixels: pixels, channels: channels,
                    into: buffers.pointers, isa: isa)
                #expect(values.values.bits == clamped.bits, "seed \(seed), \(isa.name)")
                #expect(values.isGuardIntact, "seed \(seed), \(isa.name)")
            }
            #expect(buffers.hold(expected), "seed \(seed), \(isa.name)")
        }
    }

    @Test(arguments: TestSeed.values(30))
    func integerAndErrorSumsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let (pixels, channels) = (random.int(1...200), random.int(1...45))
        let accumulators = random.accumulators(pixels * channels, bound: Int(Int32.max))
        let bytes = random.bytes(pixels * channels)
        let floats = random.floats(pixels * channels)
        let zeroPoint = random.zeroPoint()
        let errors = ScalarReference.errorStatistics(
            floats, bytes, scale: 0.0371, zeroPoint: zeroPoint, channels: channels)
        let bias = random.accumulators(channels, bound: 1 << 20)
        let requantization = Requantization(
            multipliers: random.scales(channels, magnitude: random.element([1e-7, 1e-9, 1, 1e30])),
            zeroPoint: random.zeroPoint(), lower: UInt8(random.int(0...100)),
            upper: UInt8(random.int(100...255)))
        let biases = (bias, random.accumulators(channels, bound: 1 << 31 - 1))
        let requantized = (
            ScalarReference.requantize(
                accumulators, bias: biases.0, requantization: requantization),
            ScalarReference.requantize(
                accumulators, bias: biases.1, requantization: requantization)
        )
        for isa in InstructionSet.available {
            let zeros = [Int64](repeating: 0, count: channels)
            let (sums, byteSums) = (Buffer(zeros), Buffer(zeros))
            StatisticsKernels.accumulatorSums(
                Buffer(accumulators).pointer, pixels: pixels, channels: channels,
                sums: sums.pointer, isa: isa)
            StatisticsKernels.byteSums(
                Buffer(bytes).pointer, pixels: pixels, channels: channels, sums: byteSums.pointer,
                isa: isa)
            #expect(
                sums.values == ScalarReference.sums(accumulators, channels: channels),
                "seed \(seed), \(isa.name)")
            #expect(
                byteSums.values == ScalarReference.sums(bytes, channels: channels),
                "seed \(seed), \(isa.name)")
            var correction = (sums: zeros, outputs: zeros, raised: zeros)
            StatisticsKernels.correctionSums(
                Buffer(accumulators).pointer, bias: biases.0, raisedBias: biases.1,
                requantization: requantization, pixels: pixels, channels: channels,
                sums: &correction.sums, outputs: &correction.outputs,
                raisedOutputs: &correction.raised, isa: isa)
            #expect(correction.sums == sums.values, "seed \(seed), \(isa.name)")
            #expect(
                correction.outputs == ScalarReference.sums(requantized.0, channels: channels),
                "seed \(seed), \(isa.name)")
            #expect(
                correction.raised == ScalarReference.sums(requantized.1, channels: channels),
                "seed \(seed), \(isa.name)")
            let error = Buffer([Double](repeating: 0, count: channels))
            let square = Buffer([Double](repeating: 0, count: channels))
            StatisticsKernels.errorStatistics(
                Buffer(floats).pointer, Buffer(bytes).pointer, scale: 0.0371,
                zeroPoint: zeroPoint, pixels: pixels, channels: channels, sums: error.pointer,
                squares: square.pointer, isa: isa)
            #expect(error.values.bits == errors.sums.bits, "seed \(seed), \(isa.name)")
            #expect(square.values.bits == errors.squares.bits, "seed \(seed), \(isa.name)")
            #expect(sums.isGuardIntact && byteSums.isGuardIntact)
            #expect(error.isGuardIntact && square.isGuardIntact)
        }
    }
}
