// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// Where statistics are added, one element per channel; the memory is the caller's.
package struct ChannelStatistics {
    let pointers: ck_statistics

    /// - Parameters:
    ///   - sumsBefore: sums before the clamp.
    ///   - sumsAfter: sums after the clamp.
    ///   - squaresAfter: sums of squares after the clamp.
    ///   - lower: minima after the clamp.
    ///   - upper: maxima after the clamp.
    package init(
        sumsBefore: UnsafeMutablePointer<Double>, sumsAfter: UnsafeMutablePointer<Double>,
        squaresAfter: UnsafeMutablePointer<Double>, lower: UnsafeMutablePointer<Float>,
        upper: UnsafeMutablePointer<Float>
    ) {
        pointers = ck_statistics(
            pre: sumsBefore, post: sumsAfter, squares: squaresAfter, low: lower, high: upper)
    }

    /// Those of the channels from `channel` on.
    package func advanced(by channel: Int) -> ChannelStatistics {
        ChannelStatistics(
            sumsBefore: pointers.pre + channel, sumsAfter: pointers.post + channel,
            squaresAfter: pointers.squares + channel, lower: pointers.low + channel,
            upper: pointers.high + channel)
    }
}

/// Sums per channel over one image. Pixels are added in order to what the buffers already hold, so
/// the caller zeroes them per image; minima start from `+inf`, maxima from `-inf`. No fused
/// operations.
package enum StatisticsKernels {
    /// Adds each of `values`, `[pixels][channels]`, to the sums before the clamp, applies the clamp
    /// in place, then adds the clamped value to the sums after it, its square to theirs, and widens
    /// the extrema.
    package static func floatStatistics(
        _ values: UnsafeMutablePointer<Float>, clamp: Clamp, pixels: Int, channels: Int,
        into statistics: ChannelStatistics, isa: InstructionSet = .current
    ) {
        ck_float_statistics(
            isa.table, pixels, channels, values, ck_clamp(clamp), statistics.pointers)
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

    /// Exact sums of int32 accumulators, and of the 8-bit values that ``IntegerKernels/requantize``
    /// makes of them with either bias.
    package static func correctionSums(
        _ accumulators: UnsafePointer<Int32>, bias: [Int32], raisedBias: [Int32],
        requantization: Requantization, pixels: Int, channels: Int, sums: inout [Int64],
        outputs: inout [Int64], raisedOutputs: inout [Int64], isa: InstructionSet = .current
    ) {
        precondition(bias.count == channels && raisedBias.count == channels)
        precondition(requantization.multipliers.count == channels)
        precondition(
            [sums.count, outputs.count, raisedOutputs.count].allSatisfy { $0 == channels })
        bias.withUnsafeBufferPointer { bias in
            raisedBias.withUnsafeBufferPointer { raisedBias in
                requantization.multipliers.withUnsafeBufferPointer { multipliers in
                    sums.withUnsafeMutableBufferPointer { sums in
                        outputs.withUnsafeMutableBufferPointer { outputs in
                            raisedOutputs.withUnsafeMutableBufferPointer { raisedOutputs in
                                ck_correction_sums(
                                    isa.table, pixels, channels, accumulators,
                                    ck_correction(
                                        bias: bias.baseAddress, raised_bias: raisedBias.baseAddress,
                                        multipliers: multipliers.baseAddress,
                                        target: requantization.target, sums: sums.baseAddress,
                                        outputs: outputs.baseAddress,
                                        raised_outputs: raisedOutputs.baseAddress))
                            }
                        }
                    }
                }
            }
        }
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
