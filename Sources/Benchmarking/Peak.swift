// SPDX-License-Identifier: Apache-2.0

import Kernels

/// The most operations per second one thread does, by a loop in registers alone; the fastest
/// measurement counts.
package struct Peak: Encodable, Sendable {
    /// Of Float fused multiply-adds, two operations each.
    private(set) var float = 0.0
    /// Of the multiply-adds of the integer convolutions, two operations each.
    private(set) var integer = 0.0

    enum CodingKeys: String, CodingKey {
        case gflops
        case integerGops = "integer_gops"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(float / 1e9, forKey: .gflops)
        try container.encode(integer / 1e9, forKey: .integerGops)
    }

    /// Takes some ten milliseconds.
    mutating func measure() {
        float = max(float, Self.rate { ArithmeticPeak.float(rounds: $0) })
        integer = max(integer, Self.rate { ArithmeticPeak.integer(rounds: $0) })
    }

    /// Operations per second of a loop that takes rounds and returns operations.
    private static func rate(_ loop: (Int) -> Double) -> Double {
        let clock = ContinuousClock()
        var rounds = 1000
        while true {
            var operations = 0.0
            let duration = clock.measure { operations = loop(rounds) }
            if duration >= .milliseconds(5) { return operations / (duration / .seconds(1)) }
            rounds *= 2
        }
    }
}
