// SPDX-License-Identifier: Apache-2.0

/// splitmix64: the same numbers on every machine for the same seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// In [-1, 1).
    package mutating func unit() -> Float { Float.random(in: -1..<1, using: &self) }
}

/// The seed of everything random in a run of the tests; printed, and again with every failure.
///
/// It is the same from run to run, so that no run of one checkout depends on luck: `scripts/test`
/// takes it from the commit, `scripts/soak` tries others, and `COUNTERBIAS_SEED` repeats any.
package enum TestSeed {
    package static let value: UInt64 = {
        let seed = ProcessEnvironment.seed ?? 0
        print("COUNTERBIAS_SEED=\(seed)")
        return seed
    }()

    /// This seed and those behind it, for tests of many.
    package static func values(_ count: UInt64) -> [UInt64] { (0..<count).map { value &+ $0 } }
}
