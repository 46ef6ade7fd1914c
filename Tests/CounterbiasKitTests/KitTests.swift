// SPDX-License-Identifier: Apache-2.0

import CounterbiasKit
import Foundation
import TestSupport
import Testing

/// What a package that depends on this one sees.
@Suite struct KitTests {
    private static let example = ProcessEnvironment.root + "/example"
    /// Few images: kernels are slow in a debug build.
    private static let yaml = """
        {limit: 4, range_images: 4, ibc_images: 4, shard_images: 1, weights: {granularity: tensor}}
        """

    private static let calibration = Result {
        let model = try FloatModel(contentsOf: example + "/digits.onnx")
        var stages: [CalibrationProgress] = []
        let quantized = try model.calibrated(
            on: example + "/calibration", configuration: CalibrationConfiguration(yaml: yaml),
            threads: 1, progress: { stages.append($0) })
        return (model, quantized, stages)
    }

    @Test func progressCountsEveryRound() throws {
        let (model, _, stages) = try Self.calibration.get()
        #expect(stages.map(\.rounds) == Array(1...stages.count))
        #expect(stages.first?.stage == .statistics && stages.last?.stage == .measuring)
        #expect(stages.last?.roundsAtMost == stages.count)
        #expect(model.inputs.map(\.name).count == 1 && model.inputs[0].channels == 3)
        #expect(model.outputs.map(\.channels) == [10])
    }

    @Test func threadsDoNotDecideTheBits() throws {
        let (model, quantized, _) = try Self.calibration.get()
        let again = try model.calibrated(
            on: Self.example + "/calibration",
            configuration: CalibrationConfiguration(yaml: Self.yaml), threads: 3)
        #expect(again.bytes == quantized.bytes)
    }

    @Test func aWrittenModelIsComparedAsTheOneInMemory() throws {
        let (model, quantized, _) = try Self.calibration.get()
        let path = NSTemporaryDirectory() + "counterbias-kit-\(UUID().uuidString).onnx"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try quantized.write(to: path)
        let read = try QuantizedModel(contentsOf: path)
        #expect(read.bytes == quantized.bytes)
        let results = try [quantized, read].map { other in
            try model.compared(
                with: other, on: Self.example + "/evaluation",
                configuration: CalibrationConfiguration(), limit: 3, threads: 2)
        }
        #expect(results[0] == results[1])
        #expect(results[0].images == 3 && results[0].sqnr > 10)
        #expect(results[0].floatTop1 == nil)
    }

    @Test func whatIsThrownByTheProgressEndsIt() throws {
        struct Enough: Error {}
        let (model, _, _) = try Self.calibration.get()
        #expect(throws: Enough.self) {
            _ = try model.calibrated(
                on: Self.example + "/calibration",
                configuration: CalibrationConfiguration(yaml: Self.yaml),
                progress: { _ in throw Enough() })
        }
    }

    @Test func errorsSayWhereToLook() throws {
        let key = #expect(throws: CounterbiasError.self) {
            try CalibrationConfiguration(yaml: "ibc_image: 3")
        }
        #expect(key?.kind == .configuration)
        #expect(key?.description.contains("ibc_image") == true)
        let model = #expect(throws: CounterbiasError.self) {
            try FloatModel(contentsOf: "/nowhere/model.onnx")
        }
        #expect(model?.kind == .input)
        let (_, quantized, _) = try Self.calibration.get()
        let place = #expect(throws: CounterbiasError.self) {
            try quantized.write(to: "/nowhere/model.onnx")
        }
        #expect(place?.kind == .output)
    }
}
