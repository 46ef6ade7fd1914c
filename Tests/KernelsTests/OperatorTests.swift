// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import TestSupport
import Testing

@Suite struct OperatorTests {
    /// A random pooling window that fits `shape`.
    static func window(_ random: inout Random, shape: TensorShape) -> Window {
        while true {
            let window = ConvolutionCase.window(&random)
            if window.outputExtent(height: shape.height, width: shape.width) != nil {
                return window
            }
        }
    }

    static func shape(_ random: inout Random) -> TensorShape {
        TensorShape(
            height: random.int(1...9), width: random.int(1...9), channels: random.int(1...150))
    }

    @Test(arguments: TestSeed.values(40))
    func floatPoolingEqualsScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = Self.shape(&random)
        let window = Self.window(&random, shape: shape)
        let values = random.floats(shape.count)
        let input = Buffer(values)
        let context = "seed \(seed), \(shape), \(window)"
        let maximum = ScalarReference.maxPool(values, shape: shape, window: window)
        let global = ScalarReference.globalAveragePool(values, shape: shape)
        for isa in InstructionSet.available {
            let output = Buffer<Float>(count: maximum.count)
            FloatKernels.maxPool(
                input.pointer, shape: shape, window: window, output.pointer, isa: isa)
            #expect(output.values.bits == maximum.bits, "\(isa.name), \(context)")
            for includePad in [true, false] {
                let average = ScalarReference.averagePool(
                    values, shape: shape, window: window, countIncludePad: includePad)
                FloatKernels.averagePool(
                    input.pointer, shape: shape, window: window, countIncludePad: includePad,
                    output.pointer, isa: isa)
                #expect(output.values.bits == average.bits, "\(isa.name), \(context)")
            }
            let means = Buffer<Float>(count: shape.channels)
            FloatKernels.globalAveragePool(
                input.pointer, shape: shape, means.pointer, isa: isa)
            #expect(means.values.bits == global.bits, "\(isa.name), \(context)")
            #expect(output.isGuardIntact && means.isGuardIntact, "\(isa.name), \(context)")
        }
    }

    @Test(arguments: TestSeed.values(40))
    func integerPoolingEqualsScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = Self.shape(&random)
        let window = Self.window(&random, shape: shape)
        let values = random.bytes(shape.count)
        let input = Buffer(values)
        let context = "seed \(seed), \(shape), \(window)"
        let quantization = ByteQuantization(
            scale: random.element([0.5, 0.0371]), zeroPoint: random.zeroPoint())
        let result = ByteQuantization(
            scale: random.element([0.5, 0.0529]), zeroPoint: random.zeroPoint(),
            lower: UInt8(random.int(0...20)), upper: UInt8(random.int(220...255)))
        let maximum = ScalarReference.maxPool(values, shape: shape, window: window)
        let global = ScalarReference.globalAveragePool(
            values, quantization, shape: shape, result: result)
        for isa in InstructionSet.available {
            let output = Buffer<UInt8>(count: maximum.count)
            IntegerKernels.maxPool(
                input.pointer, shape: shape, window: window, output.pointer, isa: isa)
            #expect(output.values == maximum, "\(isa.name), \(context)")
            for includePad in [true, false] {
                let average = ScalarReference.averagePool(
                    values, quantization, shape: shape, window: window,
                    countIncludePad: includePad, result: result)
                IntegerKernels.averagePool(
                    input.pointer, quantization, shape: shape, window: window,
                    countIncludePad: includePad, result: result, output.pointer, isa: isa)
                #expect(output.values == average, "\(isa.name), \(context)")
            }
            let means = Buffer<UInt8>(count: shape.channels)
            IntegerKernels.globalAveragePool(
                input.pointer, quantization, shape: shape, result: result, means.pointer,
                isa: isa)
            #expect(means.values == global, "\(isa.name), \(context)")
            #expect(output.isGuardIntact && means.isGuardIntact, "\(isa.name), \(context)")
        }
    }

    @Test(arguments: TestSeed.values(30))
    func sumsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let count = random.int(1...500)
        let (a, b) = (random.floats(count), random.floats(count))
        let clamp = random.clamp()
        let (left, right) = (random.bytes(count), random.bytes(count))
        let quantizations = (0..<3).map { _ in
            ByteQuantization(
                scale: random.element([0.5, 0.25, 0.0371, 0.0529]), zeroPoint: random.zeroPoint())
        }
        let result = quantizations[2]
        let sums = ScalarReference.add(
            left, quantizations[0], right, quantizations[1], result: result)
        for isa in InstructionSet.available {
            let output = Buffer<Float>(count: count)
            FloatKernels.add(
                Buffer(a).pointer, Buffer(b).pointer, count: count, clamp: clamp, output.pointer,
                isa: isa)
            #expect(
                output.values.bits == ScalarReference.add(a, b, clamp: clamp).bits,
                "seed \(seed), \(isa.name)")
            FloatKernels.clamp(
                Buffer(a).pointer, count: count, clamp: clamp, output.pointer, isa: isa)
            #expect(
                output.values.bits == ScalarReference.clamp(a, clamp: clamp).bits,
                "seed \(seed), \(isa.name)")
            let bytes = Buffer<UInt8>(count: count)
            IntegerKernels.add(
                Buffer(left).pointer, quantizations[0], Buffer(right).pointer, quantizations[1],
                count: count, result: result, bytes.pointer, isa: isa)
            #expect(bytes.values == sums, "seed \(seed), \(isa.name)")
            #expect(output.isGuardIntact && bytes.isGuardIntact, "seed \(seed), \(isa.name)")
        }
    }
}
