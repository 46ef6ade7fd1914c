import CKernels
package import NetworkGraph

/// Sums per channel over one image. Pixels are added in order to what the buffers already hold, so
/// the caller zeroes them per image; minima start from `+inf`, maxima from `-inf`. No fused
/// operations.
package enum StatisticsKernels {
    /// Adds each of `values`, `[pixels][channels]`, to `sumsPre`, applies the clamp in place, then
    /// adds the clamped value to `sumsPost`, its square to `squaresPost`, and widens `[minPost,
    /// maxPost]`.
    package static func floatStatistics(
        _ values: UnsafeMutablePointer<Float>, clamp: Clamp, pixels: Int, channels: Int,
        sumsPre: UnsafeMutablePointer<Double>, sumsPost: UnsafeMutablePointer<Double>,
        squaresPost: UnsafeMutablePointer<Double>, minPost: UnsafeMutablePointer<Float>,
        maxPost: UnsafeMutablePointer<Float>, isa: InstructionSet = .current
    ) {
        ck_float_statistics(
            isa.table, pixels, channels, values, ck_clamp(clamp), sumsPre, sumsPost, squaresPost,
            minPost, maxPost)
    }

    /// Exact sums of int32 accumulators.
    package static func accumulatorSums(
        _ accumulators: UnsafePointer<Int32>, pixels: Int, channels: Int,
        sums: UnsafeMutablePointer<Int64>, isa: InstructionSet = .current
    ) {
        ck_accumulator_sums(isa.table, pixels, channels, accumulators, sums)
    }

    /// Exact sums of 8-bit values.
    package static func byteSums(
        _ values: UnsafePointer<UInt8>, pixels: Int, channels: Int,
        sums: UnsafeMutablePointer<Int64>, isa: InstructionSet = .current
    ) {
        ck_byte_sums(isa.table, pixels, channels, values, sums)
    }

    /// Exact sums of the 8-bit values that ``IntegerKernels/requantize`` makes of accumulators, without storing them.
    package static func requantizedSums(
        _ accumulators: UnsafePointer<Int32>, bias: [Int32], requantization: Requantization,
        pixels: Int, channels: Int, sums: UnsafeMutablePointer<Int64>,
        isa: InstructionSet = .current
    ) {
        precondition(bias.count == channels && requantization.multipliers.count == channels)
        ck_requantized_sums(
            isa.table, pixels, channels, accumulators, bias, requantization.multipliers,
            requantization.target, sums)
    }

    /// Sums of the quantization error `Double(Float(q - zeroPoint) * scale) - Double(x)` and of its
    /// square.
    package static func errorStatistics(
        _ reference: UnsafePointer<Float>, _ values: UnsafePointer<UInt8>, scale: Float,
        zeroPoint: UInt8, pixels: Int, channels: Int, sums: UnsafeMutablePointer<Double>,
        squares: UnsafeMutablePointer<Double>, isa: InstructionSet = .current
    ) {
        ck_error_statistics(
            isa.table, pixels, channels, reference, values, scale, Int32(zeroPoint), sums, squares)
    }
}
