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
        _ gradient: UnsafePointer<Float>, indices: UnsafePointer<UInt16>, shape: FeatureShape,
        window: Window, _ inputGradient: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_max_pool_gradient(isa.table, &geometry, indices, gradient, inputGradient)
    }

    /// Each element of the input: from +0, plus `gradient / count` of all outputs whose window holds
    /// it, in order; `count` as in the forward pool.
    package static func averagePool(
        _ gradient: UnsafePointer<Float>, shape: FeatureShape, window: Window,
        countIncludePad: Bool, _ inputGradient: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_average_pool_gradient(
            isa.table, &geometry, countIncludePad ? 1 : 0, gradient, inputGradient)
    }

    /// `gradient / Float(pixels)` for every pixel.
    package static func globalAveragePool(
        _ gradient: UnsafePointer<Float>, shape: FeatureShape,
        _ inputGradient: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_global_average_pool_gradient(
            isa.table, shape.pixels, shape.channels, gradient, inputGradient)
    }
}
