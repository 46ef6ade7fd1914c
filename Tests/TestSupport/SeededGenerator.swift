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

/// A fresh seed per run, printed with every failure; `COUNTERBIAS_SEED` repeats one.
package enum TestSeed {
    package static let value: UInt64 = {
        let seed =
            ProcessEnvironment.seed ?? UInt64.random(in: 0...UInt64.max)
        print("COUNTERBIAS_SEED=\(seed)")
        return seed
    }()
}
