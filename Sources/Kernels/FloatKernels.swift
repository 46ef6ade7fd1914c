import CKernels
package import NetworkGraph

/// Float operators on one image, NHWC. Outputs may not overlap inputs unless stated.
package enum FloatKernels {
    /// `a + b`, then the clamp. `output` may be `a` or `b`.
    package static func add(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int, clamp: Clamp,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_float_add(isa.table, count, a, b, ck_clamp(clamp), output)
    }

    /// The clamp alone. `output` may be `input`.
    package static func clamp(
        _ input: UnsafePointer<Float>, count: Int, clamp: Clamp,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_float_clamp(isa.table, count, input, ck_clamp(clamp), output)
    }

    /// Largest element of each window; padding is not an element. `-inf` if a window has none.
    package static func maxPool(
        _ input: UnsafePointer<Float>, shape: FeatureShape, window: Window,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_float_max_pool(isa.table, &geometry, input, output)
    }

    /// Sum of each window from +0 in (row, column) order, divided by the number of its elements.
    /// With `countIncludePad` that number is always the kernel's extent; without, a window of
    /// padding only gives 0.
    package static func averagePool(
        _ input: UnsafePointer<Float>, shape: FeatureShape, window: Window, countIncludePad: Bool,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_float_average_pool(isa.table, &geometry, countIncludePad ? 1 : 0, input, output)
    }

    /// Sum over all pixels from +0 in order, divided by their number.
    package static func globalAveragePool(
        _ input: UnsafePointer<Float>, shape: FeatureShape, _ output: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        ck_float_global_average_pool(isa.table, shape.pixels, shape.channels, input, output)
    }
}
