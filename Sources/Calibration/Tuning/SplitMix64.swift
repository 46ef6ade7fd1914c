// SPDX-License-Identifier: Apache-2.0

/// Pseudorandom numbers from a 64-bit seed: SplitMix64 (Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014; constants of Vigna's public-domain
/// `splitmix64.c`).
///
/// Bounded numbers and shuffles are written out here, since the standard library may change its
/// own.
package struct SplitMix64: Hashable, Sendable {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var state: UInt64

    /// Starts the sequence of this seed; any value will do.
    package init(seed: UInt64) { state = seed }

    /// An independent sequence: seeded with the output number `stream` of the generator for `seed`.
    init(seed: UInt64, stream: Int) {
        var source = SplitMix64(seed: seed &+ UInt64(stream) &* Self.increment)
        state = source.next()
    }

    /// 64 bits, all equally likely.
    package mutating func next() -> UInt64 {
        state &+= Self.increment
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in `0..<bound`, by rejection; `bound` at least 1.
    mutating func next(below bound: Int) -> Int {
        let bound = UInt64(bound)
        // Largest multiple of the bound, less one.
        let limit = UInt64.max - (UInt64.max % bound + 1) % bound
        while true {
            let value = next()
            if value <= limit { return Int(value % bound) }
        }
    }

    /// Fisher-Yates from the end (Knuth, TAOCP 2, algorithm 3.4.2 P).
    mutating func shuffle<Element>(_ values: inout [Element]) {
        for last in stride(from: values.count - 1, to: 0, by: -1) {
            values.swapAt(last, next(below: last + 1))
        }
    }

    /// Uniform in [-1, 1), a multiple of 2^-23. `scripts/benchmarks/peers` repeats it.
    package mutating func unit() -> Float { Float(next() >> 40) * 0x1p-23 - 1 }
}
