// SPDX-License-Identifier: Apache-2.0

/// Exponential functions in Float from fused multiplications and additions alone: the scalar twins
/// of the kernels, bit by bit.
package enum FloatFunctions {
    /// `e^x` with a relative error below 2e-7; x is taken between -87 and 88, NaN as -87.
    package static func exp(_ x: Float) -> Float {
        let above = x > -87 ? x : -87
        let bounded = above < 88 ? above : 88
        // x = n ln 2 + r, |r| <= 0.35; ln 2 in two parts, the first exact in 10 bits. The
        // polynomial and the parts are those of the Cephes library.
        let n = (bounded * 1.442_695_04).rounded(.toNearestOrEven)
        var r = bounded.addingProduct(n, -0.693_359_375)
        r = r.addingProduct(n, 2.121_944_4e-4)
        var p: Float = 1.987_569_15e-4
        for term in [1.398_199_950_7e-3, 8.333_451_907_3e-3, 4.166_579_589_4e-2] as [Float] {
            p = term.addingProduct(p, r)
        }
        p = Float(1.666_666_545_9e-1).addingProduct(p, r)
        p = Float(5.000_000_120_1e-1).addingProduct(p, r)
        let power = Float(bitPattern: UInt32(Int32(n) + 127) << 23)
        return (r.addingProduct(p, r * r) + 1) * power
    }

    /// `1 / (1 + e^-x)`.
    package static func logistic(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
}
