// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// An integer convolution whose weights have been packed for the kernels: exact sums of
/// `(x - inputZeroPoint) * w` in int32. Padding contributes 0. Re-entrant.
///
/// `@unchecked Sendable`: the packed weights are never written after `init`.
package final class IntegerConvolution: @unchecked Sendable {
    /// The longest reduction whose sums always fit int32: `2^31 / 255^2`.
    package static let maximumReduction = 33_025

    /// Products in one sum.
    package let reduction: Int

    private let packed: OpaquePointer
    private let channels: Int
    private let height: Int

    /// Bytes of scratch memory one call needs, aligned to 64 bytes.
    package var scratchBytes: Int { ck_integer_convolution_scratch(packed) }

    /// Packs `weights`: weight minus its zero point, in `[-255, 255]`, `[outputChannels,
    /// kernelHeight, kernelWidth, inputChannels / groups]`. The last three extents multiply to at
    /// most ``maximumReduction``; traps otherwise.
    package init(
        input: TensorShape, output: TensorShape, convolution: Convolution, weights: [Int16],
        inputZeroPoint: UInt8, isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(
            input: input, output: output, window: convolution.window, groups: convolution.groups)
        reduction =
            geometry.kernel_height * geometry.kernel_width * input.channels / convolution.groups
        precondition(reduction <= Self.maximumReduction)
        precondition(weights.count == output.channels * reduction)
        precondition(weights.allSatisfy { abs($0) <= 255 })
        guard
            let packed = ck_integer_convolution_create(
                isa.table, &geometry, weights, inputZeroPoint)
        else { fatalError("out of memory while packing weights") }
        self.packed = packed
        channels = output.channels
        height = output.height
    }

    deinit { ck_integer_convolution_destroy(packed) }

    /// Sums of one image without bias, `[pixel][channel]`.
    /// - Parameters:
    ///   - input: the whole image, NHWC.
    ///   - rows: output rows that are computed, in `0..<height`.
    ///   - accumulators: of these rows.
    ///   - scratch: as ``scratchBytes`` says.
    package func accumulate(
        _ input: UnsafePointer<UInt8>, rows: Range<Int>,
        _ accumulators: UnsafeMutablePointer<Int32>, scratch: UnsafeMutableRawPointer
    ) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= height)
        ck_integer_convolution_accumulate(
            packed, input, rows.lowerBound, rows.upperBound, accumulators, scratch)
    }

    /// ``accumulate(_:rows:_:scratch:)`` of all rows, followed by `IntegerKernels.requantize`,
    /// block by block.
    package func run(
        _ input: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>,
        bias: UnsafePointer<Int32>, requantization: Requantization,
        scratch: UnsafeMutableRawPointer
    ) {
        precondition(requantization.multipliers.count == channels)
        ck_integer_convolution_run(
            packed, input, output, bias, requantization.multipliers, requantization.target, nil,
            scratch)
    }

    /// ``run(_:_:bias:requantization:scratch:)`` that also writes where the output's gradient
    /// passes, in the layout of ``GradientMask``.
    package func run(
        _ input: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>,
        bias: UnsafePointer<Int32>, requantization: Requantization, passing: PassingSums,
        mask: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutableRawPointer
    ) {
        precondition(requantization.multipliers.count == channels)
        precondition(passing.low.count == channels && passing.high.count == channels)
        passing.withPass(mask) { pass in
            ck_integer_convolution_run(
                packed, input, output, bias, requantization.multipliers,
                requantization.target, pass, scratch)
        }
    }
}
