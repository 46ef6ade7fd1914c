// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Loops of a kernel's arithmetic in registers alone: no kernel of the instruction set does more
/// operations in their time.
package enum ArithmeticPeak {
    /// Independent chains of Float fused multiply-adds.
    /// - Parameters:
    ///   - rounds: steps of every chain, at least 1.
    ///   - isa: whose arithmetic.
    /// - Returns: operations done, two per multiply-add.
    package static func float(rounds: Int, isa: InstructionSet = .current) -> Double {
        var rest: Float = 0
        return ck_float_peak(isa.table, rounds, &rest)
    }

    /// The multiply-adds of the integer convolutions in their fastest form: quads of bytes, or
    /// int16 or int32 one at a time, as the instruction set has them.
    /// - Parameters:
    ///   - rounds: steps of every chain, at least 1.
    ///   - isa: whose arithmetic.
    /// - Returns: operations done, two per multiplication and addition.
    package static func integer(rounds: Int, isa: InstructionSet = .current) -> Double {
        var rest: Int32 = 0
        return ck_integer_peak(isa.table, rounds, &rest)
    }
}
