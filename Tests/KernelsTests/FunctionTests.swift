// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kernels
import NetworkGraph
import TestSupport
import Testing

/// Products, activation functions and local response normalization against their scalar twins, and
/// the twins against their definitions.
@Suite struct FunctionTests {
    private static func quantizations(_ random: inout Random) -> [ByteQuantization] {
        (0..<3).map { _ in
            ByteQuantization(
                scale: random.element([0.5, 0.25, 0.0371, 0.0529]), zeroPoint: random.zeroPoint())
        }
    }

    private static func lrn(_ random: inout Random) -> LocalResponseNormalization {
        LocalResponseNormalization(
            size: 2 * random.int(0...4) + 1, alpha: random.element([0, 1e-4, 0.5, 3]),
            beta: random.element([0.75, 0.5, 1, -0.3]), bias: random.element([1, 2, 0.01]))
    }

    @Test(arguments: TestSeed.values(60))
    func productsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = OperatorTests.shape(&random)
        let broadcasts = random.bool()
        let others = broadcasts ? shape.channels : shape.count
        let (a, b) = (random.floats(shape.count), random.floats(others))
        let (left, right) = (random.bytes(shape.count), random.bytes(others))
        let quantizations = Self.quantizations(&random)
        var result = quantizations[2]
        (result.lower, result.upper) = (UInt8(random.int(0...20)), UInt8(random.int(220...255)))
        let clamp = random.clamp()
        let float = ScalarReference.multiply(a, b, clamp: clamp)
        let bytes = ScalarReference.multiply(
            left, quantizations[0], right, quantizations[1], result: result)
        let mask = ScalarReference.packed(
            ScalarReference.multiplyPasses(
                left, quantizations[0], right, quantizations[1], result: result, clamp: clamp),
            channels: shape.channels)
        for isa in InstructionSet.available {
            let context = "\(isa.name), seed \(seed), \(shape), broadcast \(broadcasts)"
            let output = Buffer<Float>(count: shape.count)
            FloatKernels.multiply(
                Buffer(a).pointer, Buffer(b).pointer, shape: shape, broadcasts: broadcasts,
                clamp: clamp, output.pointer, isa: isa)
            #expect(output.values.bits == float.bits, "\(context)")
            let stored = Buffer<UInt8>(count: shape.count)
            IntegerKernels.multiply(
                Buffer(left).pointer, quantizations[0], Buffer(right).pointer, quantizations[1],
                shape: shape, broadcasts: broadcasts, result: result, stored.pointer, isa: isa)
            #expect(stored.values == bytes, "\(context)")
            let masked = Buffer<UInt8>(count: shape.count)
            let found = Buffer<UInt8>(count: mask.count)
            IntegerKernels.multiply(
                Buffer(left).pointer, quantizations[0], Buffer(right).pointer, quantizations[1],
                shape: shape, broadcasts: broadcasts, result: result, clamp: clamp,
                masked.pointer, mask: found.pointer, isa: isa)
            #expect(masked.values == bytes && found.values == mask, "\(context)")
            #expect(output.isGuardIntact && stored.isGuardIntact && found.isGuardIntact)
        }
    }

    @Test(arguments: TestSeed.values(30))
    func productGradientsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = OperatorTests.shape(&random)
        let gradient = random.floats(shape.count)
        let (whole, pixel) = (random.bytes(shape.count), random.bytes(shape.channels))
        let quantization = Self.quantizations(&random)[0]
        for isa in InstructionSet.available {
            for other in [whole, pixel] {
                let output = Buffer<Float>(count: shape.count)
                GradientKernels.multiply(
                    Buffer(gradient).pointer, other: Buffer(other).pointer, quantization,
                    shape: shape, broadcasts: other.count < shape.count, output.pointer, isa: isa)
                let expected = ScalarReference.multiplyGradient(
                    gradient, other: other, quantization)
                #expect(output.values.bits == expected.bits, "\(isa.name), seed \(seed)")
            }
            let sums = Buffer<Float>(count: shape.channels)
            GradientKernels.multiplySum(
                Buffer(gradient).pointer, other: Buffer(whole).pointer, quantization,
                shape: shape, sums.pointer, isa: isa)
            let expected = ScalarReference.multiplyGradientSum(
                gradient, other: whole, quantization, channels: shape.channels)
            #expect(sums.values.bits == expected.bits, "\(isa.name), seed \(seed)")
            #expect(sums.isGuardIntact)
        }
    }

    @Test(arguments: [
        ActivationFunction.hardSwish, .hardSigmoid(alpha: 1 / 6, beta: 0.5),
        .hardSigmoid(alpha: 0.2, beta: 0.5), .hardSigmoid(alpha: -0.7, beta: 0.1), .sigmoid, .silu,
        .tanh, .leakyRelu(alpha: 0.01), .leakyRelu(alpha: -2), .smooth(.elu(alpha: 1)),
        .smooth(.softplus), .smooth(.erf), .smooth(.exp),
    ])
    func activationsEqualScalarReference(function: ActivationFunction) {
        var random = Random(seed: 1)
        let input =
            [-3, 3, .nan, -.infinity, .infinity, -0.0, -87.5, 88.5] + random.floats(995)
            + random.floats(500).map { 60 * $0 }
        for isa in InstructionSet.available {
            let output = Buffer<Float>(count: input.count)
            FloatKernels.activation(
                function, Buffer(input).pointer, count: input.count, output.pointer, isa: isa)
            let expected = ScalarReference.activation(function, input)
            for (ours, theirs) in zip(output.values, expected) {
                #expect(ours.bitPattern == theirs.bitPattern || ours.isNaN && theirs.isNaN)
            }
            #expect(output.isGuardIntact)
        }
    }

    /// Relative to the library's, but for tanh around 0, and results that are no normal numbers.
    @Test func exponentialsAreClose() {
        for step in -2_000...2_000 {
            let x = Float(step) / 23
            let exact = Foundation.exp(Double(x))
            #expect(abs(Double(FloatFunctions.exp(x)) / exact - 1) < 2e-7 || abs(x) > 86, "\(x)")
            let logistic = 1 / (1 + Foundation.exp(-Double(x)))
            let sigmoid = Double(ActivationFunction.sigmoid.value(at: x))
            #expect(abs(sigmoid / logistic - 1) < 4e-7 || x < -86, "\(x)")
            let tanh = Double(ActivationFunction.tanh.value(at: x))
            #expect(abs(tanh - Foundation.tanh(Double(x))) < 4e-7, "\(x)")
        }
    }

    /// In Double, beside the library.
    @Test func smoothFunctionsAreClose() {
        let functions: [SmoothFunction] = [
            .elu(alpha: 0.7), .celu(alpha: -1.5), .selu(alpha: 1.6, gamma: 1.1), .softplus,
            .softsign, .exp, .abs, .erf, .thresholdedRelu(alpha: 0.2),
        ]
        for function in functions {
            for step in -1_000...1_000 {
                let x = Double(step) / 47
                let (ours, exact) = (function.value(at: x), function.byDefinition(x))
                #expect(abs(ours - exact) <= 1e-14 * max(1, abs(exact)), "\(function) at \(x)")
            }
        }
    }

    /// Slopes are differences of values away from the kinks, and 0 where the output saturates.
    @Test func slopesAreDerivatives() {
        let functions = [
            ActivationFunction.hardSwish, .hardSigmoid(alpha: 0.2, beta: 0.5),
            .hardSigmoid(alpha: -0.7, beta: 0.1), .sigmoid, .silu, .tanh, .leakyRelu(alpha: 0.1),
            .smooth(.elu(alpha: 0.7)), .smooth(.celu(alpha: 1.5)),
            .smooth(.selu(alpha: 1.6, gamma: 1.1)), .smooth(.softplus), .smooth(.softsign),
            .smooth(.abs), .smooth(.erf), .smooth(.thresholdedRelu(alpha: 0.2)),
        ]
        for function in functions {
            for x in stride(from: Float(-4.03), to: 4, by: 0.125) {
                let step: Float = 1.0 / 256
                let difference =
                    (function.value(at: x + step) - function.value(at: x - step)) / (2 * step)
                #expect(abs(difference - function.slope(at: x)) < 1e-4, "\(function) at \(x)")
            }
        }
        let input = ByteQuantization(scale: 0.0625, zeroPoint: 100)
        let output = ByteQuantization(scale: 0.015625, zeroPoint: 50)
        let slopes = GradientMask.slopes(of: .hardSwish, from: input, to: output, clamp: .none)
        let clamped = GradientMask.slopes(
            of: .hardSwish, from: input, to: output, clamp: Clamp(lower: 0))
        for stored in 0..<256 {
            let x = Float(stored - 100) / 16
            let y = ActivationFunction.hardSwish.value(at: x)
            let passes = (-50...205).contains((y * 64).rounded(.toNearestOrEven))
            #expect(slopes[stored] == (passes ? ActivationFunction.hardSwish.slope(at: x) : 0))
            #expect(clamped[stored] == (y > 0 ? slopes[stored] : 0))
        }
        #expect(slopes.contains(0) && slopes.contains { $0 > 1 })
    }

    @Test(arguments: TestSeed.values(40))
    func slopesAreAppliedAsTheyStand(seed: UInt64) {
        var random = Random(seed: seed)
        let count = random.int(1...300)
        let (gradient, input) = (random.floats(count), random.bytes(count))
        let slopes = random.floats(256)
        let expected = ScalarReference.lookupGradient(gradient, input: input, slopes: slopes)
        for isa in InstructionSet.available {
            let output = Buffer<Float>(count: count)
            GradientKernels.lookup(
                Buffer(gradient).pointer, input: Buffer(input).pointer, count: count,
                slopes: slopes, output.pointer, isa: isa)
            #expect(output.values.bits == expected.bits, "\(isa.name), seed \(seed)")
            #expect(output.isGuardIntact)
        }
    }

    @Test(arguments: TestSeed.values(40))
    func normalizationEqualsScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = OperatorTests.shape(&random)
        let lrn = Self.lrn(&random)
        let input = random.moderate(shape.count).map { $0 * 30 }
        let gradient = random.moderate(shape.count)
        let expected = ScalarReference.localResponseNormalization(
            lrn, input, channels: shape.channels)
        let back = ScalarReference.localResponseNormalizationGradient(
            gradient, lrn, input: input, channels: shape.channels)
        let result = ByteQuantization(scale: 0.03, zeroPoint: random.zeroPoint())
        let clamp = random.clamp()
        let mask = ScalarReference.packed(
            ScalarReference.quantizePasses(expected, result: result, clamp: clamp),
            channels: shape.channels)
        for isa in InstructionSet.available {
            let context = "\(isa.name), seed \(seed), \(shape), \(lrn)"
            let output = Buffer<Float>(count: shape.count)
            FloatKernels.localResponseNormalization(
                lrn, Buffer(input).pointer, shape: shape, output.pointer, isa: isa)
            #expect(output.values.bits == expected.bits, "\(context)")
            let found = Buffer<UInt8>(count: mask.count)
            IntegerKernels.quantizeMask(
                output.pointer, shape: shape, result: result, clamp: clamp, mask: found.pointer,
                isa: isa)
            #expect(found.values == mask, "\(context)")
            let scratch = Buffer<Double>(count: shape.channels)
            GradientKernels.localResponseNormalization(
                Buffer(gradient).pointer, lrn, input: Buffer(input).pointer, shape: shape,
                output.pointer, scratch: scratch.pointer, isa: isa)
            #expect(output.values.bits == back.bits, "\(context)")
            #expect(output.isGuardIntact && scratch.isGuardIntact && found.isGuardIntact)
        }
    }

    /// Against libm, and by differences of the definition in Double.
    @Test(arguments: TestSeed.values(20))
    func normalizationIsWhatItSays(seed: UInt64) {
        var random = Random(seed: seed)
        let (lrn, channels) = (Self.lrn(&random), random.int(1...12))
        let input = random.moderate(channels).map { $0 * 3 }
        let gradient = random.moderate(channels)
        func values(_ input: [Double]) -> [Double] {
            (0..<channels).map { channel in
                var sum = 0.0
                for offset in -(lrn.size / 2)...lrn.size / 2
                where (0..<channels).contains(channel + offset) {
                    sum += input[channel + offset] * input[channel + offset]
                }
                let base = Double(lrn.bias) + Double(lrn.alpha) / Double(lrn.size) * sum
                return input[channel] * pow(base, -Double(lrn.beta))
            }
        }
        let real = input.map(Double.init)
        let found = ScalarReference.localResponseNormalization(lrn, input, channels: channels)
        for (ours, theirs) in zip(found, values(real)) {
            #expect(abs(Double(ours) - theirs) <= 6e-8 * abs(theirs), "seed \(seed), \(lrn)")
        }
        let back = ScalarReference.localResponseNormalizationGradient(
            gradient, lrn, input: input, channels: channels)
        for channel in 0..<channels {
            var (up, down) = (real, real)
            up[channel] += 1e-5
            down[channel] -= 1e-5
            let difference = zip(zip(values(up), values(down)), gradient).reduce(0) {
                $0 + ($1.0.0 - $1.0.1) / 2e-5 * Double($1.1)
            }
            let size = back.reduce(1e-3) { max($0, abs(Double($1))) }
            // The direct part is rounded to Float before the rest is subtracted.
            let rounding = 2e-7 * pow(Double(lrn.bias), -Double(lrn.beta))
            #expect(
                abs(difference - Double(back[channel])) <= 1e-5 * size + rounding,
                "seed \(seed), \(lrn)")
        }
    }

    @Test func powersAreAccurate() {
        var random = Random(seed: 9)
        #expect(ScalarReference.power(1, -0.75) == 1)
        for _ in 0..<20_000 {
            let base = Foundation.exp(Double.random(in: -40...40, using: &random))
            let exponent = Double.random(in: -1.5...1.5, using: &random)
            let expected = pow(base, exponent)
            let found = ScalarReference.power(base, exponent)
            #expect(abs(found - expected) <= 2e-14 * expected, "\(base) ^ \(exponent)")
        }
    }
}
