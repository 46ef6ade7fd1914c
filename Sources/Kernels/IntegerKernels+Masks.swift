// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// Integer operators that also keep what the backward pass needs. Outputs are those of the
/// operators without; masks are laid out and defined as ``GradientMask`` says.
extension IntegerKernels {
    /// The mask alone, for outputs that stay float.
    package static func accumulatorMask(
        _ accumulators: UnsafePointer<Int32>, bias: UnsafePointer<Int32>, passing: PassingSums,
        pixels: Int, mask: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        passing.withPass(mask) {
            ck_accumulator_mask(
                isa.table, pixels, passing.low.count, accumulators, bias, $0.pointee)
        }
    }

    /// Elementwise sum (ONNX Add) of `[pixels][channels]`, and its mask.
    package static func add(
        _ a: UnsafePointer<UInt8>, _ quantizationA: ByteQuantization, _ b: UnsafePointer<UInt8>,
        _ quantizationB: ByteQuantization, pixels: Int, channels: Int, result: ByteQuantization,
        clamp: Clamp, _ output: UnsafeMutablePointer<UInt8>, mask: UnsafeMutablePointer<UInt8>,
        isa: InstructionSet = .current
    ) {
        ck_integer_add_masked(
            isa.table, pixels, channels, a, quantizationA.scale, Int32(quantizationA.zeroPoint), b,
            quantizationB.scale, Int32(quantizationB.zeroPoint), result.scale, result.target,
            ck_clamp(clamp), output, mask)
    }

    /// Elementwise product (ONNX Mul) and its mask; `broadcasts`: `b` is one pixel that serves all.
    package static func multiply(
        _ a: UnsafePointer<UInt8>, _ quantizationA: ByteQuantization, _ b: UnsafePointer<UInt8>,
        _ quantizationB: ByteQuantization, shape: TensorShape, broadcasts: Bool,
        result: ByteQuantization, clamp: Clamp, _ output: UnsafeMutablePointer<UInt8>,
        mask: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        ck_integer_multiply_masked(
            isa.table, shape.pixels, shape.channels, a, quantizationA.scale,
            Int32(quantizationA.zeroPoint), b, quantizationB.scale,
            Int32(quantizationB.zeroPoint), broadcasts ? 0 : shape.channels, result.scale,
            result.target, ck_clamp(clamp), output, mask)
    }

    /// Of ``quantize(_:count:scale:zeroPoint:_:isa:)`` behind the clamp.
    package static func quantizeMask(
        _ input: UnsafePointer<Float>, shape: TensorShape, result: ByteQuantization,
        clamp: Clamp, mask: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        ck_quantize_mask(
            isa.table, shape.pixels, shape.channels, input, result.scale, Int32(result.zeroPoint),
            ck_clamp(clamp), mask)
    }

    /// Most taps of a window whose maximum can be indexed.
    package static let mostIndexedTaps = Int(UInt16.max) - 1

    /// `indices`: for each output, `row * kernelWidth + column` of the first tap that holds the
    /// maximum; `UInt16.max` where the window lies in padding.
    package static func maxPool(
        _ input: UnsafePointer<UInt8>, shape: TensorShape, window: Window,
        _ output: UnsafeMutablePointer<UInt8>, indices: UnsafeMutablePointer<UInt16>,
        isa: InstructionSet = .current
    ) {
        precondition(window.kernelHeight * window.kernelWidth <= mostIndexedTaps)
        var geometry = ck_geometry(input: shape, window: window)
        ck_integer_max_pool_indexed(isa.table, &geometry, input, output, indices)
    }

    /// Average over windows (ONNX AveragePool) and its mask; a window that is the whole input goes
    /// to ``globalAveragePool(_:_:shape:result:clamp:_:mask:isa:)``.
    package static func averagePool(
        _ input: UnsafePointer<UInt8>, _ quantization: ByteQuantization, shape: TensorShape,
        window: Window, countIncludePad: Bool, result: ByteQuantization, clamp: Clamp,
        _ output: UnsafeMutablePointer<UInt8>, mask: UnsafeMutablePointer<UInt8>,
        isa: InstructionSet = .current
    ) {
        if window.isWhole(shape) {
            globalAveragePool(
                input, quantization, shape: shape, result: result, clamp: clamp, output,
                mask: mask, isa: isa)
            return
        }
        var geometry = ck_geometry(input: shape, window: window)
        ck_integer_average_pool_masked(
            isa.table, &geometry, countIncludePad ? 1 : 0, input, quantization.scale,
            Int32(quantization.zeroPoint), result.scale, result.target, ck_clamp(clamp), output,
            mask)
    }

    /// Average over all pixels (ONNX GlobalAveragePool), one per channel, and its mask of one
    /// pixel.
    package static func globalAveragePool(
        _ input: UnsafePointer<UInt8>, _ quantization: ByteQuantization, shape: TensorShape,
        result: ByteQuantization, clamp: Clamp, _ output: UnsafeMutablePointer<UInt8>,
        mask: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        globalAveragePool(
            input, quantization, shape: shape, result: result, output, isa: isa)
        var sums = [Int64](repeating: 0, count: shape.channels)
        ck_byte_sums(isa.table, shape.pixels, shape.channels, input, &sums)
        // One bias, minus the zero points of all pixels, makes the sums those of the kernel.
        let offset = -Int32(quantization.zeroPoint) * Int32(shape.pixels)
        let scale = quantization.scale / Float(shape.pixels)
        let multiplier = quantization.scale / (result.scale * Float(shape.pixels))
        let passing = PassingSums(
            requantization: Requantization(
                multipliers: [multiplier], zeroPoint: result.zeroPoint),
            scales: [scale], clamp: clamp)
        let bytes = GradientMask.byteCount(pixels: 1, channels: shape.channels)
        for byte in 0..<bytes { mask[byte] = 0 }
        for (channel, sum) in sums.enumerated() {
            let sum = Int32(truncatingIfNeeded: sum) &+ offset
            if passing.low[0] <= sum, sum <= passing.high[0] {
                mask[channel / 8] |= 1 << UInt8(channel % 8)
            }
        }
    }

    /// `table` as ``GradientMask/table(from:to:clamp:)`` makes it.
    package static func lookupMask(
        _ input: UnsafePointer<UInt8>, pixels: Int, channels: Int, table: [UInt8],
        mask: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        precondition(table.count == 256)
        ck_lookup_mask(isa.table, pixels, channels, input, table, mask)
    }
}
