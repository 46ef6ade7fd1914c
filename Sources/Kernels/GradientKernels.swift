// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// Gradients of one image, NHWC Float: operators without weights. "Of the output" is what arrives,
/// "of the input" what is computed.
package enum GradientKernels {
    /// Sets elements that do not pass to +0, in place, and adds the others to `sums`, one per
    /// channel, pixels in order, to what they already hold. `mask` is laid out as ``GradientMask``
    /// says; nil: everything passes. `sums` nil: nothing is summed.
    package static func mask(
        _ gradient: UnsafeMutablePointer<Float>, by mask: UnsafePointer<UInt8>?, pixels: Int,
        channels: Int, sums: UnsafeMutablePointer<Double>?, isa: InstructionSet = .current
    ) {
        ck_mask_gradient(isa.table, pixels, channels, mask, gradient, sums)
    }

    /// Each element of the input: from +0, plus the gradients of all outputs whose window chose it,
    /// in order. `indices` are those `IntegerKernels.maxPool` keeps, `shape` is the input's.
    package static func maxPool(
        _ gradient: UnsafePointer<Float>, indices: UnsafePointer<UInt16>, shape: TensorShape,
        window: Window, _ inputGradient: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_max_pool_gradient(isa.table, &geometry, indices, gradient, inputGradient)
    }

    /// Each element of the input: from +0, plus `gradient / count` of all outputs whose window
    /// holds it, in order; `count` as in the forward pool.
    package static func averagePool(
        _ gradient: UnsafePointer<Float>, shape: TensorShape, window: Window,
        countIncludePad: Bool, _ inputGradient: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_average_pool_gradient(
            isa.table, &geometry, countIncludePad ? 1 : 0, gradient, inputGradient)
    }

    /// `gradient * slopes[input]`, with 256 slopes: of an activation.
    package static func lookup(
        _ gradient: UnsafePointer<Float>, input: UnsafePointer<UInt8>, count: Int,
        slopes: [Float], _ inputGradient: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        precondition(slopes.count == 256)
        ck_lookup_gradient(isa.table, count, input, slopes, gradient, inputGradient)
    }

    /// Of one factor: `gradient` times the other, dequantized; `other` is of equal shape, or one
    /// pixel that serves all.
    package static func multiply(
        _ gradient: UnsafePointer<Float>, other: UnsafePointer<UInt8>,
        _ quantization: ByteQuantization, shape: TensorShape, broadcasts: Bool,
        _ inputGradient: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_multiply_gradient(
            isa.table, shape.pixels, shape.channels, gradient, other, quantization.scale,
            Int32(quantization.zeroPoint), broadcasts ? 0 : shape.channels, inputGradient)
    }

    /// Of a factor that is one pixel for all: from +0, a chain of `fma(gradient, other, sum)`,
    /// pixels in order.
    package static func multiplySum(
        _ gradient: UnsafePointer<Float>, other: UnsafePointer<UInt8>,
        _ quantization: ByteQuantization, shape: TensorShape,
        _ inputGradient: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_multiply_gradient_sum(
            isa.table, shape.pixels, shape.channels, gradient, other, quantization.scale,
            Int32(quantization.zeroPoint), inputGradient)
    }

    /// Of a normalization's input, in Double; `ScalarReference` has the order. `scratch` holds a
    /// number per channel.
    package static func localResponseNormalization(
        _ gradient: UnsafePointer<Float>, _ lrn: LocalResponseNormalization,
        input: UnsafePointer<Float>, shape: TensorShape,
        _ inputGradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Double>,
        isa: InstructionSet = .current
    ) {
        ck_lrn_gradient(
            isa.table, shape.pixels, shape.channels, ck_lrn(lrn), input, gradient, inputGradient,
            scratch)
    }

    /// `gradient / Float(pixels)` for every pixel.
    package static func globalAveragePool(
        _ gradient: UnsafePointer<Float>, shape: TensorShape,
        _ inputGradient: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_global_average_pool_gradient(
            isa.table, shape.pixels, shape.channels, gradient, inputGradient)
    }
}
