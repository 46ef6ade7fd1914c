// SPDX-License-Identifier: Apache-2.0

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
                let found = encoding.extrema(of: payload)
                #expect(found.lower == values.min() && found.upper == values.max())
            }
        }
        #expect(InputEncoding(tables: []).extrema(of: .tensor([])) == (0, 0))
    }
}
