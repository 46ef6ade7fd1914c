// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import TestSupport
import Testing

@Suite struct IntegerConvolutionTests {
    private func check(
        _ test: ConvolutionCase, _ input: [UInt8], weights: [Int16], inputZeroPoint: UInt8,
        bias: [Int32], requantization: Requantization
    ) {
        let sums = ScalarReference.accumulate(
            input, input: test.input, output: test.output, convolution: test.convolution,
            weights: weights, inputZeroPoint: inputZeroPoint)
        let expected = ScalarReference.requantize(
            sums, bias: bias, requantization: requantization)
        let source = Buffer(input)
        for isa in InstructionSet.available {
            let kernel = IntegerConvolution(
                input: test.input, output: test.output, convolution: test.convolution,
                weights: weights, inputZeroPoint: inputZeroPoint, isa: isa)
            let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
            let accumulators = Buffer<Int32>(count: test.output.count)
            let (height, row) = (test.output.height, test.output.width * test.output.channels)
            for rows in [0..<height / 3, height / 3..<height] {
                kernel.accumulate(
                    source.pointer, rows: rows, accumulators.pointer + rows.lowerBound * row,
                    scratch: scratch.pointer)
            }
            #expect(accumulators.values == sums, "accumulate, \(isa.name), \(test)")
            #expect(accumulators.isGuardIntact && scratch.isGuardIntact, "\(isa.name), \(test)")

            let runScratch = Buffer<UInt8>(count: kernel.scratchBytes)
            let output = Buffer<UInt8>(count: test.output.count)
            kernel.run(
                source.pointer, output.pointer, bias: Buffer(bias).pointer,
                requantization: requantization, scratch: runScratch.pointer)
            #expect(output.values == expected, "run, \(isa.name), \(test)")
            #expect(output.isGuardIntact && runScratch.isGuardIntact, "\(isa.name), \(test)")
        }
        #expect(source.values == input, "input changed: \(test)")
    }

    /// Kernels may pack them differently.
    enum Weights: CaseIterable {
        /// Anywhere in `[-255, 255]`.
        case wide
        /// Bytes minus a zero point per channel, as in quantized networks.
        case bytes
        /// Small ones, and a hundredth anywhere, as in trained networks.
        case trained
        /// Small ones alone.
        case small

        func draw(_ random: inout Random, zeroPoint: Int) -> Int16 {
            switch self {
            case .bytes: return Int16(random.int(0...255) - zeroPoint)
            case .trained where random.int(0...99) == 0, .wide: return Int16(random.int(-255...255))
            case .trained, .small: return Int16(random.int(-60...60))
            }
        }
    }

    @Test(arguments: TestSeed.values(90), Weights.allCases)
    func equalsScalarReference(seed: UInt64, kind: Weights) {
        var test = ConvolutionCase(seed: seed)
        let input = test.random.bytes(test.input.count)
        let depth = test.weightCount / test.output.channels
        let zeroPoints = (0..<test.output.channels).map { _ in Int(test.random.zeroPoint()) }
        let weights = (0..<test.weightCount).map { index in
            kind.draw(&test.random, zeroPoint: zeroPoints[index / depth])
        }
        let channels = test.output.channels
        check(
            test, input, weights: weights, inputZeroPoint: test.random.zeroPoint(),
            bias: test.random.accumulators(channels, bound: 100_000),
            requantization: Requantization(
                multipliers: test.random.scales(channels, magnitude: 1e-3),
                zeroPoint: test.random.zeroPoint(), lower: UInt8(test.random.int(0...20)),
                upper: UInt8(test.random.int(200...255))))
    }

    /// All products at their extreme and of one sign: nothing may saturate on the way to int32.
    @Test(arguments: [UInt8(0), 255], [Int16(255), -255])
    func extremesDoNotSaturate(zeroPoint: UInt8, weight: Int16) {
        for seed in TestSeed.values(12) {
            let test = ConvolutionCase(seed: seed)
            let channels = test.output.channels
            check(
                test, Array(repeating: 255 - zeroPoint, count: test.input.count),
                weights: Array(repeating: weight, count: test.weightCount),
                inputZeroPoint: zeroPoint, bias: Array(repeating: 0, count: channels),
                requantization: Requantization(
                    multipliers: Array(repeating: 1e-6, count: channels), zeroPoint: 128))
        }
    }

    /// Neighbours whose products with 255 add up to the edge of 16 bits and beyond, in a third of
    /// the quads.
    @Test(arguments: [
        [127, 1], [128, 0], [-128, 0], [-128, -128], [127, 127], [-255, -255], [255, -255],
    ])
    func pairsAtTheEdgeDoNotSaturate(pair: [Int16]) {
        for seed in TestSeed.values(24) {
            let test = ConvolutionCase(seed: seed)
            let channels = test.output.channels
            let depth = test.weightCount / channels
            let weights = (0..<test.weightCount).map { index in
                let step = index % depth
                return step % 12 < 4 ? pair[step % 2] : 0
            }
            check(
                test, Array(repeating: 255, count: test.input.count), weights: weights,
                inputZeroPoint: UInt8(seed % 24), bias: Array(repeating: 0, count: channels),
                requantization: Requantization(
                    multipliers: Array(repeating: 1e-3, count: channels), zeroPoint: 128))
        }
    }

    /// The longest reduction allowed reaches 2^31 - 23 and does not wrap.
    @Test func longestReduction() {
        let depth = IntegerConvolution.maximumReduction
        let convolution = Convolution(window: Window(kernelHeight: 1, kernelWidth: 1))
        let single = TensorShape(height: 1, width: 1, channels: 1)
        for isa in InstructionSet.available {
            let kernel = IntegerConvolution(
                input: TensorShape(height: 1, width: 1, channels: depth), output: single,
                convolution: convolution, weights: Array(repeating: -255, count: depth),
                inputZeroPoint: 0, isa: isa)
            let scratch = Buffer<UInt8>(count: kernel.scratchBytes)
            let sums = Buffer<Int32>(count: 1)
            let input = Buffer([UInt8](repeating: 255, count: depth))
            kernel.accumulate(
                input.pointer, rows: 0..<1, sums.pointer, scratch: scratch.pointer)
            #expect(sums.values == [Int32(-255 * 255 * depth)], "\(isa.name)")
        }
    }
}
