// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// A float convolution whose weights have been packed for the kernels.
///  Each output is one chain of fused multiply-adds from +0 in the order (kernel row, kernel
/// column, input channel), then `+ bias`, then the clamp. Re-entrant: any number of threads may run
/// it, each with its own scratch memory.
///
/// `@unchecked Sendable`: the packed weights are never written after `init`.
package final class FloatConvolution: @unchecked Sendable {
    let packed: OpaquePointer
    let isa: InstructionSet

    /// Bytes of scratch memory one call needs, aligned to 64 bytes; may be 0.
    package var scratchBytes: Int { ck_float_convolution_scratch(packed) }

    /// Packs `weights`, `[outputChannels, kernelHeight, kernelWidth, inputChannels / groups]`, and
    /// `bias`, one per output channel, none of them -0.
    package convenience init(
        input: TensorShape, output: TensorShape, convolution: Convolution, weights: [Float],
        bias: [Float], clamp: Clamp, isa: InstructionSet = .current
    ) {
        let geometry = ck_geometry(
            input: input, output: output, window: convolution.window, groups: convolution.groups)
        self.init(geometry: geometry, weights: weights, bias: bias, clamp: clamp, isa: isa)
    }

    /// For geometries no window describes: pads may be negative, which moves the window inwards.
    init(
        geometry: ck_geometry, weights: [Float], bias: [Float], clamp: Clamp, isa: InstructionSet
    ) {
        var geometry = geometry
        let depth = geometry.kernel_height * geometry.kernel_width * geometry.input_channels
        precondition(weights.count == geometry.output_channels * depth / geometry.groups)
        precondition(bias.count == geometry.output_channels)
        guard let packed = ck_float_convolution_create(&geometry, weights, bias, ck_clamp(clamp))
        else { fatalError("out of memory while packing weights") }
        self.packed = packed
        self.isa = isa
    }

    deinit { ck_float_convolution_destroy(packed) }

    /// Convolves one image.
    /// - Parameters:
    ///   - input: NHWC.
    ///   - output: NHWC.
    ///   - statistics: where those of the output are added.
    ///   - scratch: as ``scratchBytes`` says.
    package func run(
        _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>,
        statistics: ChannelStatistics? = nil, scratch: UnsafeMutableRawPointer
    ) {
        guard let statistics else {
            return ck_float_convolution_run(isa.table, packed, input, output, nil, scratch)
        }
        withUnsafePointer(to: statistics.pointers) {
            ck_float_convolution_run(isa.table, packed, input, output, $0, scratch)
        }
    }
}
