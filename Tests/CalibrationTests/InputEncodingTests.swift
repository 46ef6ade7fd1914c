// SPDX-License-Identifier: Apache-2.0

import Quantization
import TestSupport
import Testing

@testable import Calibration

@Suite struct InputEncodingTests {
    /// Those of the encoded values themselves, whatever the tables' order; a few pixels leave most
    /// entries unused.
    @Test func extremaAreThoseOfTheEncodedImage() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let tables = (0..<3).map { _ in
            (0..<256).map { _ in Float.random(in: -3...3, using: &generator) }
        }
        let encoding = InputEncoding(tables: tables)
        for count in [3, 12, 3000] {
            let pixels = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for payload in [InputPayload.pixels(pixels), .tensor(encoding.encode(.pixels(pixels)))]
            {
                let values = encoding.encode(payload)
                let found = encoding.extrema(of: payload, counts: [count])
                #expect(found == [Self.range(values)])
            }
        }
        let none = InputEncoding(tables: [])
        let empty = none.extrema(of: .tensor([]), counts: [0])
        #expect(empty == [ActivationRange(lower: 0, upper: 0)])
        // Two inputs, one after the other.
        let both = none.extrema(of: .tensor([1, -2, 7, 5]), counts: [2, 2])
        #expect(both == [Self.range([1, -2]), Self.range([7, 5])])
    }

    private static func range(_ values: [Float]) -> ActivationRange {
        ActivationRange(lower: values.min() ?? 0, upper: values.max() ?? 0)
    }
}
