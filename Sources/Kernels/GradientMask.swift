// SPDX-License-Identifier: Apache-2.0

import CKernels
package import NetworkGraph

/// Layout of a mask: one bit per element that lets a gradient pass. Each pixel takes `(channels +
/// 7) / 8` bytes; channel c is bit `c % 8` of byte `c / 8`, and the bits behind the last channel
/// are 0.
///
/// An element passes where the straight-through estimator lets it: with `x` the real value that
/// enters the node's clamp and `v` its value in steps of the output's scale, as the forward kernel
/// forms both,
/// - `rint(v) + zeroPoint` lies in `0...255` (`v` has the zero point in it already where the kernel
///   adds it before rounding), and
/// - `x > lower` and `x < upper` for each bound of the clamp; a value equal to a bound does not
///   pass.
///
/// | node | `x` | `v` |
/// |---|---|---|
/// | convolution | `Float(sum) * (inputScale * weightScale)` | `Float(sum) * multiplier` |
/// | add | `Float(a - za) * sa + Float(b - zb) * sb` | of `IntegerKernels.add`, with zero point |
/// | multiply | `Float((a - za) * (b - zb)) * (sa * sb)` | of `multiply`, with zero point |
/// | average pool | sum of the window `/ count` | `x / scale + zeroPoint` |
/// | global average | `Float(sum) * (inputScale / Float(pixels))` | `Float(sum) * multiplier` |
/// | concat, clamp | the dequantized input | `x / scale` |
/// | activation | the function of the dequantized input | `x / scale` |
/// | local response normalization | of the dequantized input | `x / scale` |
///
/// `sum` is the accumulator with its bias, wrapped to int32. An output that stays float has no `v`.
package enum GradientMask {
    /// Bytes of a mask: whole bytes for every pixel.
    package static func byteCount(pixels: Int, channels: Int) -> Int {
        pixels * ((channels + 7) / 8)
    }
}

/// The accumulators, bias included, through which the gradient passes: `low...high` per output
/// channel; empty where `low > high`.
///
/// Both conditions of ``GradientMask`` are monotone in the sum, since conversion to Float and
/// multiplication by a scale that is not negative are; so the bounds are exact.
package struct PassingSums: Hashable, Sendable {
    /// Least sum that passes, per output channel.
    package var low: [Int32]
    /// Largest sum that passes, per output channel.
    package var high: [Int32]

    /// - Parameters:
    ///   - requantization: of the output; nil where it stays float.
    ///   - scales: real value of one accumulator step, per channel, not negative.
    ///   - clamp: of the node.
    package init(requantization: Requantization?, scales: [Float], clamp: Clamp) {
        low = []
        high = []
        for (channel, scale) in scales.enumerated() {
            let multiplier = requantization?.multipliers[channel] ?? 0
            let zeroPoint = Double(requantization?.zeroPoint ?? 0)
            func stored(_ sum: Int32) -> Double {
                Double((Float(sum) * multiplier).rounded(.toNearestOrEven)) + zeroPoint
            }
            let isAbove = { (sum: Int32) in
                stored(sum) >= 0 && clamp.lower.map { Float(sum) * scale > $0 } ?? true
            }
            let isBelow = { (sum: Int32) in
                stored(sum) <= 255 && clamp.upper.map { Float(sum) * scale < $0 } ?? true
            }
            let first = Self.first { isAbove($0) }
            let end = Self.first { !isBelow($0) }
            let isEmpty = first > Int64(Int32.max) || end <= Int64(Int32.min)
            low.append(isEmpty ? .max : Int32(first))
            high.append(isEmpty ? .min : Int32(end - 1))
        }
    }

    /// Whether every sum of every channel passes.
    package var isEverything: Bool {
        low.allSatisfy { $0 == .min } && high.allSatisfy { $0 == .max }
    }

    /// The least int32 that meets a monotone condition; `Int32.max + 1` if none does.
    private static func first(_ condition: (Int32) -> Bool) -> Int64 {
        var (low, high) = (Int64(Int32.min), Int64(Int32.max) + 1)
        while low < high {
            let middle = (low + high) >> 1
            if condition(Int32(middle)) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    func withPass(
        _ mask: UnsafeMutablePointer<UInt8>, _ body: (UnsafePointer<ck_pass>) -> Void
    ) {
        low.withUnsafeBufferPointer { low in
            high.withUnsafeBufferPointer { high in
                var pass = ck_pass(low: low.baseAddress, high: high.baseAddress, mask: mask)
                body(&pass)
            }
        }
    }
}

extension GradientMask {
    /// For concatenations and standalone clamps: 1 for each stored value of an input whose gradient
    /// passes, else 0.
    package static func table(
        from input: ByteQuantization, to output: ByteQuantization, clamp: Clamp
    ) -> [UInt8] {
        (0..<256).map { passes(input.real($0), to: output, clamp: clamp) ? 1 : 0 }
    }

    /// For activations: the function's slope for each stored value of the input whose gradient
    /// passes, else 0.
    package static func slopes(
        of function: ActivationFunction, from input: ByteQuantization, to output: ByteQuantization,
        clamp: Clamp
    ) -> [Float] {
        (0..<256).map { stored in
            let x = input.real(stored)
            return passes(function.value(at: x), to: output, clamp: clamp)
                ? function.slope(at: x) : 0
        }
    }

    private static func passes(_ x: Float, to output: ByteQuantization, clamp: Clamp) -> Bool {
        let steps = Double((x / output.scale).rounded(.toNearestOrEven))
        return 0...255 ~= steps + Double(output.zeroPoint) && clamp.isStrictlyInside(x)
    }
}

extension ByteQuantization {
    func real(_ stored: Int) -> Float { Float(stored - Int(zeroPoint)) * scale }
}

extension Clamp {
    func isStrictlyInside(_ value: Float) -> Bool {
        (lower.map { value > $0 } ?? true) && (upper.map { value < $0 } ?? true)
    }
}
