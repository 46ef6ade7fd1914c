// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import TestSupport
import Testing

@Suite struct FloatConvolutionTests {
    /// Runs one case on one instruction set, with its statistics or without, on poisoned memory.
    private func run(
        _ test: ConvolutionCase, _ input: [Float], weights: [Float], bias: [Float],
        statistics: StatisticsBuffers?, isa: InstructionSet
    ) -> Buffer<Float> {
        let kernel = FloatConvolution(
            input: test.input, output: test.output, convolution: test.convolution,
            weights: weights, bias: bias, clamp: test.clamp, isa: isa)
        let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
        let source = Buffer(input)
        let output = Buffer<Float>(count: test.output.count)
        kernel.run(
            source.pointer, output.pointer, statistics: statistics?.pointers,
            scratch: scratch.pointer)
        #expect(scratch.isGuardIntact, "scratch overrun: \(test)")
        #expect(source.values.bits == input.bits, "input changed: \(test)")
        return output
    }

    @Test(arguments: TestSeed.values(90))
    func equalsScalarReference(seed: UInt64) {
        var test = ConvolutionCase(seed: seed)
        let input = test.random.floats(test.input.count)
        let weights = test.random.floats(test.weightCount)
        let bias = test.random.floats(test.output.channels).map { $0 + 0 }
        var expected = ScalarReference.convolution(
            input, input: test.input, output: test.output, convolution: test.convolution,
            weights: weights, bias: bias, clamp: .none)
        var sums = ScalarReference.FloatStatistics(channels: test.output.channels)
        ScalarReference.floatStatistics(&expected, clamp: test.clamp, into: &sums)
        for isa in InstructionSet.available {
            let statistics = StatisticsBuffers(channels: test.output.channels)
            for buffers in [nil, statistics] {
                let output = run(
                    test, input, weights: weights, bias: bias, statistics: buffers, isa: isa)
                #expect(output.values.bits == expected.bits, "\(isa.name), \(test)")
                #expect(output.isGuardIntact, "output overrun: \(isa.name), \(test)")
            }
            #expect(statistics.hold(sums), "\(isa.name), \(test)")
        }
    }

    /// Outputs of several bands of 256 KiB: gathered windows, depthwise ones and the image's own
    /// pixels.
    @Test(arguments: [(3, 3, 1), (3, 48, 48), (1, 5, 1)])
    func statisticsOfSeveralBands(kernel: Int, inputs: Int, groups: Int) {
        var random = Random(seed: 11)
        let input = TensorShape(height: 41, width: 40, channels: inputs)
        let output = TensorShape(height: 41, width: 40, channels: 48)
        let pad = kernel / 2
        let convolution = Convolution(
            window: Window(
                kernelHeight: kernel, kernelWidth: kernel, padTop: pad, padLeft: pad,
                padBottom: pad, padRight: pad), groups: groups)
        let image = random.floats(input.count)
        let weights = random.floats(48 * kernel * kernel * inputs / groups)
        let bias = random.floats(48).map { $0 + 0 }
        let clamp = Clamp(lower: 0, upper: 6)
        var expected = ScalarReference.convolution(
            image, input: input, output: output, convolution: convolution, weights: weights,
            bias: bias, clamp: .none)
        var sums = ScalarReference.FloatStatistics(channels: 48)
        ScalarReference.floatStatistics(&expected, clamp: clamp, into: &sums)
        for isa in InstructionSet.available {
            let kernel = FloatConvolution(
                input: input, output: output, convolution: convolution, weights: weights,
                bias: bias, clamp: clamp, isa: isa)
            let found = (Buffer<Float>(count: output.count), StatisticsBuffers(channels: 48))
            let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
            kernel.run(
                Buffer(image).pointer, found.0.pointer, statistics: found.1.pointers,
                scratch: scratch.pointer)
            #expect(found.0.values.bits == expected.bits, "\(isa.name)")
            #expect(found.1.hold(sums), "\(isa.name)")
        }
    }

    /// The reference itself, by hand: 1×2×1 input, 1×2 kernel, one padded column on each side.
    @Test func referenceByHand() {
        let output = ScalarReference.convolution(
            [2, 3], input: TensorShape(height: 1, width: 2, channels: 1),
            output: TensorShape(height: 1, width: 3, channels: 1),
            convolution: Convolution(
                window: Window(kernelHeight: 1, kernelWidth: 2, padLeft: 1, padRight: 1)),
            weights: [10, 100], bias: [1], clamp: Clamp(upper: 250))
        #expect(output == [201, 250, 31])
    }

    /// The clamp turns NaN into the bound it meets first, in every kind of kernel.
    @Test(arguments: [1, 16])
    func clampOfNaN(groups: Int) {
        let shape = TensorShape(height: 1, width: 5, channels: 16)
        let weights = [Float](repeating: 1, count: 16 * 16 / groups)
        for isa in InstructionSet.available {
            for (clamp, expected) in [
                (Clamp(lower: -1, upper: 1), -1), (Clamp(upper: 1), 1), (Clamp(lower: 2), 2),
            ] as [(Clamp, Float)] {
                let kernel = FloatConvolution(
                    input: shape, output: shape,
                    convolution: Convolution(
                        window: Window(kernelHeight: 1, kernelWidth: 1), groups: groups),
                    weights: weights, bias: Array(repeating: 0, count: 16), clamp: clamp, isa: isa)
                let output = Buffer<Float>(count: shape.count)
                kernel.run(
                    Buffer([Float](repeating: .nan, count: shape.count)).pointer, output.pointer,
                    scratch: Buffer<UInt8>(count: kernel.scratchBytes).pointer)
                #expect(output.values.allSatisfy { $0 == expected }, "\(isa.name), \(clamp)")
            }
        }
    }

    /// A chain that only a fused multiply-add gets right: x * x - round(x * x) is the rounding
    /// error.
    @Test func chainIsFused() {
        let x: Float = 1 + 0x1p-12
        let shape = TensorShape(height: 1, width: 1, channels: 2)
        for isa in InstructionSet.available {
            let kernel = FloatConvolution(
                input: shape, output: TensorShape(height: 1, width: 1, channels: 1),
                convolution: Convolution(window: Window(kernelHeight: 1, kernelWidth: 1)),
                weights: [-1, x], bias: [0], clamp: .none, isa: isa)
            let output = Buffer<Float>(count: 1)
            let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
            kernel.run(Buffer([x * x, x]).pointer, output.pointer, scratch: scratch.pointer)
            #expect(output.values == [0x1p-24], "\(isa.name)")
        }
    }
}
