// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import TestSupport
import Testing

/// Gradient kernels against their scalar twins, bit for bit.
@Suite struct GradientTests {
    private func check(_ test: ConvolutionCase) {
        var random = test.random
        let gradient = random.floats(test.output.count)
        let weights = random.floats(test.weightCount)
        let expected = ScalarReference.convolutionGradient(
            gradient, input: test.input, output: test.output, convolution: test.convolution,
            weights: weights)
        for isa in InstructionSet.available {
            let kernel = GradientConvolution(
                input: test.input, output: test.output, convolution: test.convolution,
                weights: weights, isa: isa)
            let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
            let output = Buffer<Float>(count: test.input.count)
            kernel.run(Buffer(gradient).pointer, output.pointer, scratch: scratch.pointer)
            #expect(output.values.bits == expected.bits, "\(isa.name), \(test)")
            #expect(scratch.isGuardIntact && output.isGuardIntact, "\(isa.name), \(test)")
        }
    }

    @Test(arguments: TestSeed.values(240))
    func convolutionEqualsScalarReference(seed: UInt64) {
        check(ConvolutionCase(seed: seed))
    }

    /// Strides beyond kernels (phases without taps), strides that share factors with dilations,
    /// more phases than inputs, outputs that leave inputs unread, kernels that cover the input.
    @Test(arguments: [
        (5, 5, Window(kernelHeight: 1, kernelWidth: 1, strideHeight: 2, strideWidth: 3)),
        (
            9, 11,
            Window(
                kernelHeight: 3, kernelWidth: 3, strideHeight: 2, strideWidth: 2,
                dilationHeight: 2, dilationWidth: 4, padTop: 1, padLeft: 3)
        ),
        (
            12, 10,
            Window(
                kernelHeight: 5, kernelWidth: 4, strideHeight: 4, strideWidth: 6,
                dilationHeight: 6, dilationWidth: 4, padTop: 13, padLeft: 2, padBottom: 3)
        ),
        (1, 2, Window(kernelHeight: 1, kernelWidth: 2, strideHeight: 5, strideWidth: 5)),
        (
            1, 1,
            Window(
                kernelHeight: 2, kernelWidth: 2, strideHeight: 2, strideWidth: 2, padTop: 3,
                padLeft: 3, padBottom: 3, padRight: 3)
        ),
        (10, 9, Window(kernelHeight: 2, kernelWidth: 2, strideHeight: 3, strideWidth: 4)),
        (6, 7, Window(kernelHeight: 6, kernelWidth: 7)),
        (6, 7, Window(kernelHeight: 6, kernelWidth: 7, strideHeight: 2, strideWidth: 2)),
        (3, 3, Window(kernelHeight: 3, kernelWidth: 3, padTop: 1, padRight: 2)),
    ])
    func unusualWindows(height: Int, width: Int, window: Window) {
        for (groups, channels, outputs) in [(1, 5, 19), (2, 4, 6), (6, 6, 6), (4, 4, 12)] {
            check(
                ConvolutionCase(
                    input: TensorShape(height: height, width: width, channels: channels),
                    outputs: outputs, convolution: Convolution(window: window, groups: groups)))
        }
    }

    /// The reference itself, by hand: 1×3 input, kernel [2, 5], stride 2, one padded column before.
    @Test func convolutionByHand() {
        let gradient = ScalarReference.convolutionGradient(
            [10, 100], input: TensorShape(height: 1, width: 3, channels: 1),
            output: TensorShape(height: 1, width: 2, channels: 1),
            convolution: Convolution(
                window: Window(kernelHeight: 1, kernelWidth: 2, strideWidth: 2, padLeft: 1)),
            weights: [2, 5])
        #expect(gradient == [50, 200, 500])
    }

    /// <g, conv(x)> == <conv'(g), x> for the forward twin and the gradient twin.
    @Test(arguments: TestSeed.values(60))
    func convolutionIsAdjoint(seed: UInt64) {
        let test = ConvolutionCase(seed: seed)
        var random = test.random
        let input = random.moderate(test.input.count)
        let gradient = random.moderate(test.output.count)
        let weights = random.moderate(test.weightCount)
        let output = ScalarReference.convolution(
            input, input: test.input, output: test.output, convolution: test.convolution,
            weights: weights, bias: Array(repeating: 0, count: test.output.channels), clamp: .none)
        let back = ScalarReference.convolutionGradient(
            gradient, input: test.input, output: test.output, convolution: test.convolution,
            weights: weights)
        let (left, right) = (dot(gradient, output), dot(back, input))
        let size = dot(gradient, gradient).squareRoot() * dot(output, output).squareRoot()
        #expect(abs(left - right) <= 1e-5 * size, "\(test)")
    }

    private func dot(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    @Test(arguments: TestSeed.values(60))
    func poolsEqualScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let shape = OperatorTests.shape(&random)
        let window = OperatorTests.window(&random, shape: shape)
        let context = "seed \(seed), \(shape), \(window)"
        // Few values, so that maxima are often met twice.
        let bytes = (0..<shape.count).map { _ in UInt8(random.int(0...5)) }
        let indices = ScalarReference.maxPoolIndices(bytes, shape: shape, window: window)
        let gradient = random.floats(indices.count)
        let maximum = ScalarReference.maxPoolGradient(
            gradient, indices: indices, shape: shape, window: window)
        let global = ScalarReference.globalAveragePoolGradient(gradient, shape: shape)
        for isa in InstructionSet.available {
            let stored = Buffer<UInt8>(count: indices.count)
            let found = Buffer<UInt16>(count: indices.count)
            IntegerKernels.maxPool(
                Buffer(bytes).pointer, shape: shape, window: window, stored.pointer,
                indices: found.pointer, isa: isa)
            #expect(
                stored.values == ScalarReference.maxPool(bytes, shape: shape, window: window),
                "\(isa.name), \(context)")
            #expect(found.values == indices.map { UInt16($0 ?? 0xFFFF) }, "\(isa.name), \(context)")
            let output = Buffer<Float>(count: shape.count)
            GradientKernels.maxPool(
                Buffer(gradient).pointer, indices: found.pointer, shape: shape, window: window,
                output.pointer, isa: isa)
            #expect(output.values.bits == maximum.bits, "\(isa.name), \(context)")
            for includePad in [true, false] {
                GradientKernels.averagePool(
                    Buffer(gradient).pointer, shape: shape, window: window,
                    countIncludePad: includePad, output.pointer, isa: isa)
                let average = ScalarReference.averagePoolGradient(
                    gradient, shape: shape, window: window, countIncludePad: includePad)
                #expect(output.values.bits == average.bits, "\(isa.name), \(context)")
            }
            GradientKernels.globalAveragePool(
                Buffer(gradient).pointer, shape: shape, output.pointer, isa: isa)
            #expect(output.values.bits == global.bits, "\(isa.name), \(context)")
            #expect(
                output.isGuardIntact && stored.isGuardIntact && found.isGuardIntact, "\(context)")
        }
    }

    @Test(arguments: TestSeed.values(60))
    func maskingEqualsScalarReference(seed: UInt64) {
        var random = Random(seed: seed)
        let channels = random.int(1...70)
        let pixels = random.element([1, 2, 63, 64, 65, random.int(1...200)])
        let gradient = random.floats(pixels * channels)
        let passes = gradient.map { _ in random.bool() }
        let before = random.floats(channels).map(Double.init)
        let mask = ScalarReference.packed(passes, channels: channels)
        let everything = [Bool](repeating: true, count: passes.count)
        for isa in InstructionSet.available {
            for chosen in [passes, everything] {
                var sums = before
                let expected = ScalarReference.mask(gradient, by: chosen, sums: &sums)
                let values = Buffer(gradient)
                let found = Buffer(before)
                let bits = Buffer(mask)
                GradientKernels.mask(
                    values.pointer, by: chosen == passes ? bits.pointer : nil, pixels: pixels,
                    channels: channels, sums: found.pointer, isa: isa)
                let context = "\(isa.name), seed \(seed), \(pixels) pixels, \(channels) channels"
                #expect(values.values.bits == expected.bits, "\(context)")
                #expect(found.values.bits == sums.bits, "\(context)")
                let unsummed = Buffer(gradient)
                GradientKernels.mask(
                    unsummed.pointer, by: chosen == passes ? bits.pointer : nil, pixels: pixels,
                    channels: channels, sums: nil, isa: isa)
                #expect(unsummed.values.bits == expected.bits, "\(context)")
                #expect(values.isGuardIntact && found.isGuardIntact, "\(context)")
            }
        }
    }
}
