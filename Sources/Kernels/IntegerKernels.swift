// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// Integer operators and conversions on one image, NHWC. Activations are uint8; all roundings are
/// ties to even.
package enum IntegerKernels {
    /// `clamp(rint(Float(accumulator + bias) * multiplier) + zeroPoint, lower, upper)`; the sum
    /// wraps.
    package static func requantize(
        _ accumulators: UnsafePointer<Int32>, bias: UnsafePointer<Int32>,
        requantization: Requantization, pixels: Int, channels: Int,
        _ output: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        precondition(requantization.multipliers.count == channels)
        ck_requantize(
            isa.table, pixels, channels, accumulators, bias, requantization.multipliers,
            requantization.target, output)
    }

    /// `Float(accumulator + bias) * scale` with one scale per channel; the sum wraps.
    package static func dequantizeAccumulators(
        _ accumulators: UnsafePointer<Int32>, bias: UnsafePointer<Int32>, scales: [Float],
        pixels: Int, channels: Int, _ output: UnsafeMutablePointer<Float>,
        isa: InstructionSet = .current
    ) {
        precondition(scales.count == channels)
        ck_dequantize_accumulators(
            isa.table, pixels, channels, accumulators, bias, scales, output)
    }

    /// ONNX QuantizeLinear: `saturate(rint(x / scale) + zeroPoint)` with a true division. NaN gives
    /// 0.
    package static func quantize(
        _ input: UnsafePointer<Float>, count: Int, scale: Float, zeroPoint: UInt8,
        _ output: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        ck_quantize(isa.table, count, input, scale, Int32(zeroPoint), output)
    }

    /// ONNX DequantizeLinear: `Float(q - zeroPoint) * scale`.
    package static func dequantize(
        _ input: UnsafePointer<UInt8>, count: Int, scale: Float, zeroPoint: UInt8,
        _ output: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_dequantize(isa.table, count, input, scale, Int32(zeroPoint), output)
    }

    /// Sum of two quantized tensors, the bits of ONNX Runtime's QLinearAdd on x86-64: with
    /// `ra = scaleA / scale` and `rb = scaleB / scale`,
    /// `saturate(rint(fma(a, ra, fma(b, rb, zeroPoint - fma(ra, zeroPointA, rb * zeroPointB)))))`.
    ///
    /// ONNX Runtime on aarch64 uses fixed-point multipliers, which round ties elsewhere.
    package static func add(
        _ a: UnsafePointer<UInt8>, _ quantizationA: ByteQuantization, _ b: UnsafePointer<UInt8>,
        _ quantizationB: ByteQuantization, count: Int, result: ByteQuantization,
        _ output: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        ck_integer_add(
            isa.table, count, a, quantizationA.scale, Int32(quantizationA.zeroPoint), b,
            quantizationB.scale, Int32(quantizationB.zeroPoint), result.scale, result.target,
            output)
    }

    /// Product of two quantized tensors, the bits of ONNX Runtime's QLinearMul on x86-64:
    /// `saturate(rint(Float((a - zeroPointA) * (b - zeroPointB)) * (scaleA * scaleB / scale) +
    /// zeroPoint))`. `b` is of equal shape, or one pixel that serves all.
    package static func multiply(
        _ a: UnsafePointer<UInt8>, _ quantizationA: ByteQuantization, _ b: UnsafePointer<UInt8>,
        _ quantizationB: ByteQuantization, shape: TensorShape, broadcasts: Bool,
        result: ByteQuantization, _ output: UnsafeMutablePointer<UInt8>,
        isa: InstructionSet = .current
    ) {
        ck_integer_multiply(
            isa.table, shape.pixels, shape.channels, a, quantizationA.scale,
            Int32(quantizationA.zeroPoint), b, quantizationB.scale,
            Int32(quantizationB.zeroPoint), broadcasts ? 0 : shape.channels, result.scale,
            result.target, output)
    }

    /// Largest element of each window; 0 if a window lies in padding. Quantization is unchanged.
    package static func maxPool(
        _ input: UnsafePointer<UInt8>, shape: TensorShape, window: Window,
        _ output: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        var geometry = ck_geometry(input: shape, window: window)
        ck_integer_max_pool(isa.table, &geometry, input, output)
    }

    /// Average of each window as ONNX Runtime's QLinearAveragePool: Float chain of `Float(x -
    /// zeroPoint) * scale` in (row, column) order from +0, divided by the count, divided by the
    /// result's scale, plus the result's zero point; then rounded and saturated, so the zero point
    /// decides ties. Counts as ``FloatKernels/averagePool(_:shape:window:countIncludePad:_:isa:)``.
    ///
    /// A window that is the whole input, without pads, is averaged as
    /// ``globalAveragePool(_:_:shape:result:_:isa:)`` does: so does ONNX Runtime.
    package static func averagePool(
        _ input: UnsafePointer<UInt8>, _ quantization: ByteQuantization, shape: TensorShape,
        window: Window, countIncludePad: Bool, result: ByteQuantization,
        _ output: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        if window.isWhole(shape) {
            globalAveragePool(
                input, quantization, shape: shape, result: result, output, isa: isa)
            return
        }
        var geometry = ck_geometry(input: shape, window: window)
        ck_integer_average_pool(
            isa.table, &geometry, countIncludePad ? 1 : 0, input, quantization.scale,
            Int32(quantization.zeroPoint), result.scale, result.target, output)
    }

    /// Average over all pixels as ONNX Runtime's QLinearGlobalAveragePool: the exact sum of `x -
    /// zeroPoint` in int32, then `saturate(rint(Float(sum) * (inputScale / (scale *
    /// Float(pixels)))) + zeroPoint)`.
    package static func globalAveragePool(
        _ input: UnsafePointer<UInt8>, _ quantization: ByteQuantization, shape: TensorShape,
        result: ByteQuantization, _ output: UnsafeMutablePointer<UInt8>,
        isa: InstructionSet = .current
    ) {
        ck_integer_global_average_pool(
            isa.table, shape.pixels, shape.channels, input, quantization.scale,
            Int32(quantization.zeroPoint), result.scale, result.target, output)
    }

    /// `table[x]` for every element, with 256 entries: requantization for concat, standalone
    /// clamps.
    package static func lookup(
        _ input: UnsafePointer<UInt8>, count: Int, table: [UInt8],
        _ output: UnsafeMutablePointer<UInt8>, isa: InstructionSet = .current
    ) {
        precondition(table.count == 256)
        ck_lookup(isa.table, count, input, table, output)
    }
}
