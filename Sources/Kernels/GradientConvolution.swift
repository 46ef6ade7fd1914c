// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// The gradient of a convolution's input, from the gradient of its output and weights packed once.
///
/// Each element of the input is one chain of fused multiply-adds from +0 over the output elements
/// that read it: output row, output column, then output channel of the group, all ascending (so
/// kernel row and column descend); then + 0, which turns -0 into +0.
///
/// The inputs that meet the kernel at the same residue modulo the stride form a phase. A phase is a
/// convolution of the output's gradient with stride 1: the taps of that residue, in reverse, input
/// and output channels exchanged. Stride 1 has one phase, written in place; others are computed
/// aside and interleaved. A kernel that covers its input is one matrix product.
package final class GradientConvolution: Sendable {
    private struct Phase {
        /// Nil where no tap reaches the phase: its gradient is zero.
        var kernel: FloatConvolution?
        var rows: Axis
        var columns: Axis
    }

    /// One axis of a phase.
    private struct Axis {
        /// Inputs `first`, `first + stride`, ..., `count` of them.
        var first: Int
        var count: Int
        /// Kernel taps in the order of the reversed kernel, so descending.
        var taps: [Int]
        var dilation: Int
        /// Of the reversed kernel, before the first input of the phase; may be negative.
        var pad: Int
    }

    private let phases: [Phase]
    private let inputShape: TensorShape
    private let strideHeight: Int
    private let strideWidth: Int
    private let kernelScratchBytes: Int
    /// Bytes of scratch memory one call needs, aligned to 64 bytes.
    package let scratchBytes: Int

    /// - Parameters:
    ///   - input: shape of the convolution's input, whose gradient is computed.
    ///   - output: shape of its output, whose gradient is given.
    ///   - convolution: the forward convolution.
    ///   - weights: `[outputChannels, kernelHeight, kernelWidth, inputChannels / groups]`, finite.
    ///   - isa: to run on.
    package init(
        input: TensorShape, output: TensorShape, convolution: Convolution, weights: [Float],
        isa: InstructionSet = .current
    ) {
        let window = convolution.window
        let made: [Phase]
        if convolution.groups == 1, output.pixels == 1, window.isWhole(input) {
            made = [
                Self.covering(input: input, output: output, weights: weights, isa: isa)
            ]
            strideHeight = 1
            strideWidth = 1
        } else {
            let rows = Self.axes(
                input: input.height, kernel: window.kernelHeight, stride: window.strideHeight,
                dilation: window.dilationHeight, pad: window.padTop)
            let columns = Self.axes(
                input: input.width, kernel: window.kernelWidth, stride: window.strideWidth,
                dilation: window.dilationWidth, pad: window.padLeft)
            made = rows.flatMap { rows in
                columns.map { columns in
                    Phase(
                        kernel: Self.kernel(
                            rows, columns, input: input, output: output, convolution: convolution,
                            weights: weights, isa: isa),
                        rows: rows, columns: columns)
                }
            }
            strideHeight = window.strideHeight
            strideWidth = window.strideWidth
        }
        phases = made
        inputShape = input
        let scratch = made.map { $0.kernel?.scratchBytes ?? 0 }.max() ?? 0
        kernelScratchBytes = (scratch + 63) / 64 * 64
        let aside =
            made.count == 1
            ? 0 : made.map { $0.rows.count * $0.columns.count * input.channels }.max() ?? 0
        scratchBytes = kernelScratchBytes + aside * MemoryLayout<Float>.stride
    }

    /// Computes the input's gradient of one image.
    /// - Parameters:
    ///   - gradient: of the output.
    ///   - inputGradient: every element is written.
    ///   - scratch: ``scratchBytes``, aligned to 64 bytes.
    package func run(
        _ gradient: UnsafePointer<Float>, _ inputGradient: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutableRawPointer
    ) {
        if phases.count == 1, let kernel = phases[0].kernel {
            kernel.run(gradient, inputGradient, scratch: scratch)
            return
        }
        let aside = (scratch + kernelScratchBytes).assumingMemoryBound(to: Float.self)
        for phase in phases {
            phase.kernel?.run(gradient, aside, scratch: scratch)
            interleave(phase, aside, into: inputGradient)
        }
    }

    /// Spreads a phase over the input's gradient; `values` holds the phase, row by row.
    private func interleave(
        _ phase: Phase, _ values: UnsafePointer<Float>,
        into inputGradient: UnsafeMutablePointer<Float>
    ) {
        let channels = inputShape.channels
        var source = values
        for row in 0..<phase.rows.count {
            let line = (phase.rows.first + row * strideHeight) * inputShape.width
            var target = inputGradient + (line + phase.columns.first) * channels
            for _ in 0..<phase.columns.count {
                if phase.kernel == nil {
                    target.update(repeating: 0, count: channels)
                } else {
                    target.update(from: source, count: channels)
                }
                source += channels
                target += strideWidth * channels
            }
        }
    }
}

// MARK: - Phases

extension GradientConvolution {
    /// The phases along one axis that have inputs.
    ///
    /// Input i and tap k meet at output `(i + pad - k * dilation) / stride` where that is whole.
    /// The taps of a residue lie `stride / gcd` apart, and successive ones meet outputs `dilation /
    /// gcd` apart.
    private static func axes(
        input: Int, kernel: Int, stride: Int, dilation: Int, pad: Int
    ) -> [Axis] {
        let common = greatestCommonDivisor(stride, dilation)
        return (0..<min(stride, input)).map { first in
            let taps = (0..<kernel).filter { (first + pad - $0 * dilation) % stride == 0 }
            let span = (taps.count - 1) * (dilation / common)
            let nearest = taps.first.map { (first + pad - $0 * dilation) / stride } ?? 0
            return Axis(
                first: first, count: (input - first + stride - 1) / stride, taps: taps.reversed(),
                dilation: dilation / common, pad: span - nearest)
        }
    }

    private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
        b == 0 ? a : greatestCommonDivisor(b, a % b)
    }

    private static func kernel(
        _ rows: Axis, _ columns: Axis, input: TensorShape, output: TensorShape,
        convolution: Convolution, weights: [Float], isa: InstructionSet
    ) -> FloatConvolution? {
        if rows.taps.isEmpty || columns.taps.isEmpty { return nil }
        let groupInput = input.channels / convolution.groups
        let groupOutput = output.channels / convolution.groups
        let width = convolution.window.kernelWidth
        let kernel = convolution.window.kernelHeight * width
        var exchanged: [Float] = []
        exchanged.reserveCapacity(
            input.channels * rows.taps.count * columns.taps.count * groupOutput)
        for channel in 0..<input.channels {
            let (group, within) = channel.quotientAndRemainder(dividingBy: groupInput)
            for row in rows.taps {
                for column in columns.taps {
                    let tap = row * width + column
                    for other in group * groupOutput..<(group + 1) * groupOutput {
                        exchanged.append(weights[(other * kernel + tap) * groupInput + within])
                    }
                }
            }
        }
        let geometry = ck_geometry(
            input_height: output.height, input_width: output.width,
            input_channels: output.channels, output_height: rows.count,
            output_width: columns.count, output_channels: input.channels,
            kernel_height: rows.taps.count, kernel_width: columns.taps.count, stride_height: 1,
            stride_width: 1, dilation_height: rows.dilation, dilation_width: columns.dilation,
            pad_top: rows.pad, pad_left: columns.pad, groups: convolution.groups)
        return FloatConvolution(
            geometry: geometry, weights: exchanged,
            bias: [Float](repeating: 0, count: input.channels), clamp: .none, isa: isa)
    }

    /// One output pixel whose kernel is the input: `[pixels * channels]` by `[output channels]`.
    private static func covering(
        input: TensorShape, output: TensorShape, weights: [Float], isa: InstructionSet
    ) -> Phase {
        var exchanged = [Float](repeating: 0, count: weights.count)
        for other in 0..<output.channels {
            for element in 0..<input.count {
                exchanged[element * output.channels + other] =
                    weights[other * input.count + element]
            }
        }
        let geometry = ck_geometry(
            input_height: 1, input_width: 1, input_channels: output.channels, output_height: 1,
            output_width: 1, output_channels: input.count, kernel_height: 1, kernel_width: 1,
            stride_height: 1, stride_width: 1, dilation_height: 1, dilation_width: 1, pad_top: 0,
            pad_left: 0, groups: 1)
        let whole = Axis(first: 0, count: 1, taps: [0], dilation: 1, pad: 0)
        return Phase(
            kernel: FloatConvolution(
                geometry: geometry, weights: exchanged,
                bias: [Float](repeating: 0, count: input.count), clamp: .none, isa: isa),
            rows: whole, columns: whole)
    }
}
