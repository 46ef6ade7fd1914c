// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestSupport
import Testing

@Suite struct FormatTests {
    @Test(arguments: TestSeed.values(30))
    func accumulatorsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let pixels = random.int(1...20)
        let channels = random.int(1...70)
        let sums = random.accumulators(pixels * channels, bound: Int(Int32.max))
        let bias = random.accumulators(channels, bound: random.element([0, 1000, 1 << 30]))
        let requantization = Requantization(
            multipliers: random.scales(channels, magnitude: random.element([1e-7, 1e-9, 1, 1e30])),
            zeroPoint: random.zeroPoint(), lower: UInt8(random.int(0...100)),
            upper: UInt8(random.int(100...255)))
        let scales = random.scales(channels, magnitude: 1e-5)
        let bytes = ScalarReference.requantize(sums, bias: bias, requantization: requantization)
        let floats = ScalarReference.dequantizeAccumulators(sums, bias: bias, scales: scales)
        for isa in InstructionSet.available {
            let output = Buffer<UInt8>(count: sums.count)
            IntegerKernels.requantize(
                Buffer(sums).pointer, bias: Buffer(bias).pointer, requantization: requantization,
                pixels: pixels, channels: channels, output.pointer, isa: isa)
            #expect(output.values == bytes && output.isGuardIntact, "seed \(seed), \(isa.name)")
            let logits = Buffer<Float>(count: sums.count)
            IntegerKernels.dequantizeAccumulators(
                Buffer(sums).pointer, bias: Buffer(bias).pointer, scales: scales, pixels: pixels,
                channels: channels, logits.pointer, isa: isa)
            #expect(logits.values.bits == floats.bits, "seed \(seed), \(isa.name)")
            #expect(logits.isGuardIntact, "seed \(seed), \(isa.name)")
        }
    }

    @Test(arguments: TestSeed.values(30))
    func quantizationEqualsScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let count = random.int(1...300)
        let scale: Float = random.element([0.25, 0.0173, 3.7e-5, 41])
        let zeroPoint = random.zeroPoint()
        // Multiples of half a step are ties.
        var floats: [Float] = [.nan, .infinity, -.infinity, 3e38]
        for _ in 0..<count {
            let tie = Float(random.int(-600...600)) * 0.5 * scale
            floats.append(random.bool() ? random.float() : tie)
        }
        let bytes = random.bytes(count)
        let table = random.bytes(256)
        let quantized = ScalarReference.quantize(floats, scale: scale, zeroPoint: zeroPoint)
        let restored = ScalarReference.dequantize(bytes, scale: scale, zeroPoint: zeroPoint)
        for isa in InstructionSet.available {
            let output = Buffer<UInt8>(count: floats.count)
            IntegerKernels.quantize(
                Buffer(floats).pointer, count: floats.count, scale: scale, zeroPoint: zeroPoint,
                output.pointer, isa: isa)
            #expect(output.values == quantized, "seed \(seed), \(isa.name)")
            let values = Buffer<Float>(count: count)
            IntegerKernels.dequantize(
                Buffer(bytes).pointer, count: count, scale: scale, zeroPoint: zeroPoint,
                values.pointer, isa: isa)
            #expect(values.values.bits == restored.bits, "seed \(seed), \(isa.name)")
            let looked = Buffer<UInt8>(count: count)
            IntegerKernels.lookup(
                Buffer(bytes).pointer, count: count, table: table, looked.pointer, isa: isa)
            #expect(looked.values == bytes.map { table[Int($0)] }, "seed \(seed), \(isa.name)")
            #expect(output.isGuardIntact && values.isGuardIntact && looked.isGuardIntact)
        }
    }

    /// Ties go to even before the zero point is added.
    @Test func tiesByHand() {
        for isa in InstructionSet.available {
            let output = Buffer<UInt8>(count: 6)
            IntegerKernels.quantize(
                Buffer<Float>([0.5, 1.5, -0.5, 2.5, 300, .nan]).pointer, count: 6, scale: 1,
                zeroPoint: 7, output.pointer, isa: isa)
            #expect(output.values == [7, 9, 7, 9, 255, 0], "\(isa.name)")
        }
    }
}
