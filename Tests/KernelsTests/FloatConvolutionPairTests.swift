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

    @Test(arguments: windows)
    func equalsOneAfterTheOther(window: Window) throws {
        var random = Random(seed: 5)
        let input = FeatureShape(height: 61, width: 43, channels: 3)
        let middle = FeatureShape(height: 61, width: 43, channels: 150)
        let extent = try #require(window.outputExtent(height: 61, width: 43))
        let output = FeatureShape(height: extent.height, width: extent.width, channels: 150)
        let image = Buffer(random.floats(input.count))
        let weights = (
            random.floats(450), random.floats(150 * window.kernelHeight * window.kernelWidth)
        )
        let bias = random.floats(150).map { $0 + 0 }
        for isa in InstructionSet.available {
            let first = FloatConvolution(
                input: input, output: middle,
                convolution: Convolution(window: Window(kernelHeight: 1, kernelWidth: 1)),
                weights: weights.0, bias: bias, clamp: Clamp(lower: 0, upper: 6), isa: isa)
            let second = FloatConvolution(
                input: middle, output: output,
                convolution: Convolution(window: window, groups: 150), weights: weights.1,
                bias: bias, clamp: Clamp(lower: -1), isa: isa)
            let between = Buffer<Float>(count: middle.count)
            let expected = Buffer<Float>(count: output.count)
            first.run(image.pointer, between.pointer, scratch: between.pointer)
            second.run(between.pointer, expected.pointer, scratch: between.pointer)

            let pair = try #require(FloatConvolutionPair(first, second))
            #expect(pair.isFaster)
            let found = Buffer<Float>(count: output.count)
            let scratch = Buffer<UInt8>(count: pair.scratchBytes)
            #expect(pair.scratchBytes < middle.count * 4)
            pair.run(image.pointer, found.pointer, scratch: scratch.pointer)
            #expect(found.values.bits == expected.values.bits, "\(isa.name)")
            #expect(found.isGuardIntact && scratch.isGuardIntact, "\(isa.name)")
            #expect(FloatConvolutionPair(second, first) == nil)
        }
    }
}
