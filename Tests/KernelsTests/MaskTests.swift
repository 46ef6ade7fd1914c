// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import TestSupport
import Testing

/// Masks against their scalar twins; outputs must stay those of the operators without masks.
@Suite struct MaskTests {
    @Test(arguments: TestSeed.values(90))
    func convolutionEqualsScalarReference(seed: UInt64) {
        var test = ConvolutionCase(seed: seed)
        let input = test.random.bytes(test.input.count)
        let weights = (0..<test.weightCount).map { _ in Int16(test.random.int(-255...255)) }
        let bias = test.random.accumulators(test.output.channels, bound: 40_000)
        let zeroPoint = test.random.zeroPoint()
        let scales = test.random.scales(test.output.channels, magnitude: 1e-4)
        let outputScale: Float = 0.0625
        let requantization = Requantization(
            multipliers: scales.map { $0 / outputScale }, zeroPoint: test.random.zeroPoint(),
            lower: UInt8(test.random.int(0...20)), upper: UInt8(test.random.int(220...255)))
        let sums = ScalarReference.accumulate(
            input, input: test.input, output: test.output, convolution: test.convolution,
            weights: weights, inputZeroPoint: zeroPoint)
        let expected = ScalarReference.packed(
            ScalarReference.passes(
                sums, bias: bias, requantization: requantization, scales: scales,
                clamp: test.clamp), channels: test.output.channels)
        let stored = ScalarReference.requantize(sums, bias: bias, requantization: requantization)
        let float = ScalarReference.packed(
            ScalarReference.passes(
                sums, bias: bias, requantization: nil, scales: scales, clamp: test.clamp),
            channels: test.output.channels)
        let passing = PassingSums(
            requantization: requantization, scales: scales, clamp: test.clamp)
        let floatPassing = PassingSums(requantization: nil, scales: scales, clamp: test.clamp)
        for isa in InstructionSet.available {
            let kernel = IntegerConvolution(
                input: test.input, output: test.output, convolution: test.convolution,
                weights: weights, inputZeroPoint: zeroPoint, isa: isa)
            let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
            let output = Buffer<UInt8>(count: test.output.count)
            let mask = Buffer<UInt8>(count: expected.count)
            kernel.run(
                Buffer(input).pointer, output.pointer, bias: Buffer(bias).pointer,
                requantization: requantization, passing: passing, mask: mask.pointer,
                scratch: scratch.pointer)
            #expect(mask.values == expected, "\(isa.name), \(test)")
            #expect(output.values == stored, "\(isa.name), \(test)")
            IntegerKernels.accumulatorMask(
                Buffer(sums).pointer, bias: Buffer(bias).pointer, passing: floatPassing,
                pixels: test.output.pixels, mask: mask.pointer, isa: isa)
            #expect(mask.values == float, "\(isa.name), \(test)")
            #expect(
                mask.isGuardIntact && output.isGuardIntact && scratch.isGuardIntact,
                "\(isa.name), \(test)")
        }
    }

    /// Thresholds at every sum that decides something, in the whole range of int32.
    @Test(arguments: TestSeed.values(200))
    func passingSumsAreExact(seed: UInt64) {
        var random = Random(seed: seed)
        let scale = random.element([0, 1e-30, 3e-9, 1e-5, 0.037, 1, 1e10] as [Float])
        let requantization = Requantization(
            multipliers: [scale / random.element([1, 0.0123, 1e5] as [Float])],
            zeroPoint: random.zeroPoint())
        let clamp = random.clamp()
        for requantization in [requantization, nil] {
            let passing = PassingSums(
                requantization: requantization, scales: [scale], clamp: clamp)
            let (low, high) = (passing.low[0], passing.high[0])
            var sums: [Int32] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
            for bound in [low, high] { sums += (-2...2).map { bound &+ $0 } }
            sums += random.accumulators(20, bound: Int(Int32.max))
            let expected = ScalarReference.passes(
                sums, bias: [0], requantization: requantization, scales: [scale], clamp: clamp)
            for (sum, isPassing) in zip(sums, expected) {
                #expect((low <= sum && sum <= high) == isPassing, "seed \(seed), \(sum)")
            }
        }
    }

    @Test func passingSumsByHand() {
        // Steps of 0.5: sums 0 and 12 lie on the bounds of ReLU6; 255 steps end at 510.
        let relu6 = PassingSums(
            requantization: Requantization(multipliers: [0.5], zeroPoint: 0), scales: [0.5],
            clamp: Clamp(lower: 0, upper: 6))
        #expect(relu6.low == [1] && relu6.high == [11])
        // -0.5 and 255.5 are ties: they round to 0 and to 256.
        let none = PassingSums(
            requantization: Requantization(multipliers: [0.5], zeroPoint: 0), scales: [0.5],
            clamp: .none)
        #expect(none.low == [-1] && none.high == [510])
        let float = PassingSums(requantization: nil, scales: [0.5], clamp: .none)
        #expect(float.isEverything)
    }

    @Test(arguments: TestSeed.values(60))
    func operatorsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = OperatorTests.shape(&random)
        let window = OperatorTests.window(&random, shape: shape)
        let (a, b) = (random.bytes(shape.count), random.bytes(shape.count))
        let quantizations = (0..<3).map { _ in
            ByteQuantization(
                scale: random.element([0.5, 0.25, 0.0371, 0.0529]), zeroPoint: random.zeroPoint())
        }
        var result = quantizations[2]
        (result.lower, result.upper) = (UInt8(random.int(0...20)), UInt8(random.int(220...255)))
        let clamp = random.clamp()
        let context = "seed \(seed), \(shape), \(window), \(quantizations), \(clamp)"
        func packed(_ passes: [Bool]) -> [UInt8] {
            ScalarReference.packed(passes, channels: shape.channels)
        }
        let sum = ScalarReference.addPasses(
            a, quantizations[0], b, quantizations[1], result: result, clamp: clamp)
        let rescaled = ScalarReference.rescalingPasses(
            a, quantizations[0], result: result, clamp: clamp)
        let global = ScalarReference.globalAveragePoolPasses(
            a, quantizations[0], shape: shape, result: result, clamp: clamp)
        for isa in InstructionSet.available {
            let output = Buffer<UInt8>(count: shape.count)
            let mask = Buffer<UInt8>(count: packed(sum).count)
            IntegerKernels.add(
                Buffer(a).pointer, quantizations[0], Buffer(b).pointer, quantizations[1],
                pixels: shape.pixels, channels: shape.channels, result: result, clamp: clamp,
                output.pointer, mask: mask.pointer, isa: isa)
            #expect(mask.values == packed(sum), "\(isa.name), \(context)")
            #expect(
                output.values
                    == ScalarReference.add(
                        a, quantizations[0], b, quantizations[1], result: result),
                "\(isa.name), \(context)")
            IntegerKernels.lookupMask(
                Buffer(a).pointer, pixels: shape.pixels, channels: shape.channels,
                table: GradientMask.table(from: quantizations[0], to: result, clamp: clamp),
                mask: mask.pointer, isa: isa)
            #expect(mask.values == packed(rescaled), "\(isa.name), \(context)")
            #expect(mask.isGuardIntact && output.isGuardIntact, "\(isa.name), \(context)")
            let means = Buffer<UInt8>(count: shape.channels)
            let few = Buffer<UInt8>(count: packed(global).count)
            IntegerKernels.globalAveragePool(
                Buffer(a).pointer, quantizations[0], shape: shape, result: result, clamp: clamp,
                means.pointer, mask: few.pointer, isa: isa)
            #expect(few.values == packed(global), "\(isa.name), \(context)")
            #expect(
                means.values
                    == ScalarReference.globalAveragePool(
                        a, quantizations[0], shape: shape, result: result),
                "\(isa.name), \(context)")
            #expect(few.isGuardIntact && means.isGuardIntact, "\(isa.name), \(context)")
            let whole = Window(kernelHeight: shape.height, kernelWidth: shape.width)
            for (window, includePad) in [(window, true), (window, false), (whole, false)] {
                let average = packed(
                    ScalarReference.averagePoolPasses(
                        a, quantizations[0], shape: shape, window: window,
                        countIncludePad: includePad, result: result, clamp: clamp))
                let pooled = ScalarReference.averagePool(
                    a, quantizations[0], shape: shape, window: window,
                    countIncludePad: includePad, result: result)
                let output = Buffer<UInt8>(count: pooled.count)
                let mask = Buffer<UInt8>(count: average.count)
                IntegerKernels.averagePool(
                    Buffer(a).pointer, quantizations[0], shape: shape, window: window,
                    countIncludePad: includePad, result: result, clamp: clamp, output.pointer,
                    mask: mask.pointer, isa: isa)
                #expect(mask.values == average, "\(isa.name), \(context)")
                #expect(output.values == pooled, "\(isa.name), \(context)")
                #expect(mask.isGuardIntact && output.isGuardIntact, "\(isa.name), \(context)")
            }
        }
    }

    /// Two zeros add to exactly zero, which a Relu stops, whatever the scales leave behind.
    @Test func sumsOfZerosDoNotPassRelu() {
        for isa in InstructionSet.available {
            let mask = Buffer<UInt8>(count: 1)
            IntegerKernels.add(
                Buffer([10, 11, 9, 10] as [UInt8]).pointer,
                ByteQuantization(scale: 0.0371, zeroPoint: 10),
                Buffer([33, 33, 33, 34] as [UInt8]).pointer,
                ByteQuantization(scale: 0.0529, zeroPoint: 33), pixels: 1, channels: 4,
                result: ByteQuantization(scale: 0.0317, zeroPoint: 0), clamp: Clamp(lower: 0),
                Buffer<UInt8>(count: 4).pointer, mask: mask.pointer, isa: isa)
            #expect(mask.values == [0b1010], "\(isa.name)")
        }
    }
}
