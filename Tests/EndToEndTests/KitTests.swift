// SPDX-License-Identifier: Apache-2.0

import CounterbiasKit
import Foundation
import Testing

extension EndToEnd {
    /// The library beside the program.
    @Suite(.serialized) struct Kit {
        @Test func givesTheBytesOfCalibrate() throws {
            let configuration = try CalibrationConfiguration(
                yaml: String(
                    contentsOf: Binary.root.appendingPathComponent(Example.config), encoding: .utf8
                )
                .replacing(#/(?m)^(limit|range_images|ibc_images|match):.*$/#, with: "")
                    + "\nlimit: 8\nrange_images: 8\nibc_images: 8\nmatch: pre\n")
            let model = try FloatModel(
                contentsOf: Binary.root.appendingPathComponent(Example.model).path)
            let quantized = try model.calibrated(
                on: Binary.root.appendingPathComponent(Example.images).path,
                configuration: configuration)
            #expect(try Data(quantized.bytes) == Results.reference.get().model)
        }
    }
}
