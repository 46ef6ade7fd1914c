// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// SplitMix64: the same numbers everywhere for one seed.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func int(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }

    mutating func bool() -> Bool { .random(using: &self) }

    mutating func element<T>(_ choices: [T]) -> T { choices[int(0...choices.count - 1)] }

    /// Mostly moderate values; some tiny, huge, zero or negative zero.
    mutating func float() -> Float {
        switch int(0...40) {
        case 0: 0
        case 1: -0.0
        case 2: .random(in: -1...1, using: &self) * 1e-38
        case 3: .random(in: -1...1, using: &self) * 1e12
        default: .random(in: -4...4, using: &self)
        }
    }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in float() } }

    /// In [-1, 1).
    mutating func moderate(_ count: Int) -> [Float] {
        (0..<count).map { _ in .random(in: -1..<1, using: &self) }
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(int(0...255)) }
    }

    mutating func accumulators(_ count: Int, bound: Int) -> [Int32] {
        (0..<count).map { _ in Int32(int(-bound...bound)) }
    }

    /// Positive scales around `magnitude`.
    mutating func scales(_ count: Int, magnitude: Float) -> [Float] {
        (0..<count).map { _ in .random(in: 0.1...1, using: &self) * magnitude }
    }

    mutating func zeroPoint() -> UInt8 { element([0, 255, 128, 1, UInt8(int(0...255))]) }

    mutating func clamp() -> Clamp {
        element([
            .none, Clamp(lower: 0), Clamp(lower: 0, upper: 6), Clamp(upper: 1),
            Clamp(lower: -1, upper: 0.5), Clamp(lower: -0.0), Clamp(upper: -0.0),
        ])
    }
}
