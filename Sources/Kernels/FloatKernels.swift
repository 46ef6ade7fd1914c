// SPDX-License-Identifier: Apache-2.0

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

    /// `a * b`, then the clamp. `b` is of equal shape, or one pixel that serves all. `output` may
    /// be `a`.
    package static func multiply(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, shape: TensorShape,
        broadcasts: Bool, clamp: Clamp, _ output: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        ck_float_multiply(
            isa.table, shape.pixels, shape.channels, a, b, broadcasts ? 0 : shape.channels,
            ck_clamp(clamp), output)
    }

    /// The function's value for every element. `output` may be `input`.
    package static func activation(
        _ function: ActivationFunction, _ input: UnsafePointer<Float>, count: Int,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        switch function {
        case .hardSigmoid(let alpha, let beta):
            ck_float_hard_sigmoid(isa.table, count, input, alpha, beta, output)
        case .hardSwish:
            ck_float_hard_swish(isa.table, count, input, output)
        case .sigmoid: ck_float_sigmoid(isa.table, count, input, output)
        case .silu: ck_float_silu(isa.table, count, input, output)
        case .tanh: ck_float_tanh(isa.table, count, input, output)
        case .leakyRelu(let alpha): ck_float_leaky_relu(isa.table, count, input, alpha, output)
        case .smooth:
            for index in 0..<count { output[index] = function.value(at: input[index]) }
        }
    }

    /// `x * (bias + alpha / size * Σ x²)^-beta` in Double, rounded once; squares are summed in the
    /// order of the channels from +0. The power is our own.
    package static func localResponseNormalization(
        _ lrn: LocalResponseNormalization, _ input: UnsafePointer<Float>, shape: TensorShape,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_float_lrn(isa.table, shape.pixels, shape.channels, ck_lrn(lrn), input, output)
    }

    /// Largest element of each window; padding is not an element. `-inf` if a window has none.
    package static func maxPool(
        _ input: UnsafePointer<Float>, shape: TensorShape, window: Window,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_float_max_pool(isa.table, &geometry, input, output)
    }

    /// Sum of each window from +0 in (row, column) order, divided by the number of its elements.
    /// With `countIncludePad` that number is always the kernel's extent; without, a window of
    /// padding only gives 0.
    package static func averagePool(
        _ input: UnsafePointer<Float>, shape: TensorShape, window: Window, countIncludePad: Bool,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_float_average_pool(isa.table, &geometry, countIncludePad ? 1 : 0, input, output)
    }

    /// Sum over all pixels from +0 in order, divided by their number.
    package static func globalAveragePool(
        _ input: UnsafePointer<Float>, shape: TensorShape, _ output: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        ck_float_global_average_pool(isa.table, shape.pixels, shape.channels, input, output)
    }
}

extension ck_lrn {
    init(_ lrn: LocalResponseNormalization) {
        precondition(lrn.isValid)
        self.init(size: lrn.size, alpha: lrn.alpha, beta: lrn.beta, bias: lrn.bias)
    }
}
