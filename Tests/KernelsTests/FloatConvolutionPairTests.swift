// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import Testing

@Suite struct FloatConvolutionPairTests {
    /// What lies between the two takes several bands of 512 KiB.
    static let windows = [
        Window(kernelHeight: 3, kernelWidth: 3, padTop: 1, padLeft: 1, padBottom: 1, padRight: 1),
        Window(
            kernelHeight: 3, kernelWidth: 3, strideHeight: 2, strideWidth: 2, padBottom: 1,
            padRight: 1),
        Window(kernelHeight: 5, kernelWidth: 5, padTop: 2, padLeft: 2, padBottom: 2, padRight: 2),
        Window(
            kernelHeight: 5, kernelWidth: 3, strideHeight: 1, strideWidth: 3, dilationHeight: 9,
            padTop: 6, padLeft: 4),
        // Rows that nobody reads, and windows of padding alone.
        Window(
            kernelHeight: 2, kernelWidth: 2, strideHeight: 30, strideWidth: 1, padTop: 3,
            padBottom: 40),
    ]

    private let channels = 150
    private let clamps = (Clamp(lower: 0, upper: 6), Clamp(lower: -1))

    @Test(arguments: windows)
    func equalsOneAfterTheOther(window: Window) throws {
        var random = Random(seed: 5)
        let input = TensorShape(height: 61, width: 43, channels: 3)
        let middle = TensorShape(height: 61, width: 43, channels: channels)
        let extent = try #require(window.outputExtent(height: 61, width: 43))
        let output = TensorShape(height: extent.height, width: extent.width, channels: channels)
        let image = Buffer(random.floats(input.count))
        let weights = (
            random.floats(450), random.floats(150 * window.kernelHeight * window.kernelWidth)
        )
        let bias = random.floats(150).map { $0 + 0 }
        for isa in InstructionSet.available {
            let first = { clamp in
                FloatConvolution(
                    input: input, output: middle,
                    convolution: Convolution(window: Window(kernelHeight: 1, kernelWidth: 1)),
                    weights: weights.0, bias: bias, clamp: clamp, isa: isa)
            }
            let second = { clamp in
                FloatConvolution(
                    input: middle, output: output,
                    convolution: Convolution(window: window, groups: 150), weights: weights.1,
                    bias: bias, clamp: clamp, isa: isa)
            }
            let between = run(first(.none), image, count: middle.count)
            let betweenSums = statistics(of: between, clamp: clamps.0)
            let expected = run(second(.none), between, count: output.count)
            let expectedSums = statistics(of: expected, clamp: clamps.1)

            let (pointwise, depthwise) = (first(clamps.0), second(clamps.1))
            let pair = try #require(FloatConvolutionPair(pointwise, depthwise))
            #expect(pair.isFaster)
            #expect(pair.scratchBytes < middle.count * 4)
            #expect(FloatConvolutionPair(depthwise, pointwise) == nil)
            let found = (
                StatisticsBuffers(channels: channels), StatisticsBuffers(channels: channels)
            )
            for statistics in [nil, (found.0.pointers, found.1.pointers)] {
                let result = Buffer<Float>(count: output.count)
                let scratch = Buffer<UInt8>(count: pair.scratchBytes)
                pair.run(
                    image.pointer, result.pointer, statistics: statistics,
                    scratch: scratch.pointer)
                #expect(result.values.bits == expected.values.bits, "\(isa.name)")
                #expect(result.isGuardIntact && scratch.isGuardIntact, "\(isa.name)")
            }
            #expect(found.0.hold(betweenSums) && found.1.hold(expectedSums), "\(isa.name)")
        }
    }

    private func run(
        _ convolution: FloatConvolution, _ input: Buffer<Float>, count: Int
    ) -> Buffer<Float> {
        let output = Buffer<Float>(count: count)
        convolution.run(input.pointer, output.pointer, scratch: output.pointer)
        return output
    }

    /// Of values that it clamps in place.
    private func statistics(
        of values: Buffer<Float>, clamp: Clamp
    ) -> ScalarReference.FloatStatistics {
        var (sums, clamped) = (ScalarReference.FloatStatistics(channels: channels), values.values)
        ScalarReference.floatStatistics(&clamped, clamp: clamp, into: &sums)
        for (index, value) in clamped.enumerated() { values.pointer[index] = value }
        return sums
    }
}
