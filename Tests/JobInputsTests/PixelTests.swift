// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Imaging
import JobInputs
import NetworkGraph
import Settings
import TestSupport
import Testing

@Suite struct PixelTests {
    private static let shape = TensorShape(height: 28, width: 28, channels: 3)
    private static let input = Graph.Input(name: "x", shape: shape, layout: .nchw)

    private func settings(_ yaml: String) throws -> (PreprocessingSettings, PreprocessingOrigin) {
        var files = PartialConfiguration()
        (files.model, files.images) = ("m", "i")
        let file = try PartialConfiguration(yaml: yaml, file: "f.yaml")
        return (
            try file.merging(flags: files).resolved(requiringOut: false).preprocessing,
            PreprocessingOrigin(file: file, path: "f.yaml")
        )
    }

    private func pool(_ images: Int, skipping: Bool = false) throws -> PreparedPool {
        let (settings, _) = try settings("")
        let preprocessing = try Preprocessing(settings, input: Self.input)
        let folder = try ImageFolder.list(ProcessEnvironment.root + "/example/calibration")
        return try PreparedPool(
            entries: folder.inputs(for: preprocessing, limit: nil), count: images,
            preprocessing: preprocessing, skipsBad: skipping)
    }

    @Test func aPoolHoldsTheFirstImagesInOrder() throws {
        let pool = try pool(3)
        #expect(pool.names == ["c000.png", "c001.png", "c002.png"])
        #expect(pool.isPixels && pool.skipped.isEmpty)
        #expect(pool.images.allSatisfy { $0.input.count == Self.shape.count })
    }

    @Test func aSignalEndsThePreparation() throws {
        let (settings, _) = try settings("")
        let preprocessing = try Preprocessing(settings, input: Self.input)
        let folder = try ImageFolder.list(ProcessEnvironment.root + "/example/calibration")
        let error = #expect(throws: PreparedPool.Stopped.self) {
            try PreparedPool(
                entries: folder.inputs(for: preprocessing, limit: nil), count: 3,
                preprocessing: preprocessing, skipsBad: false, signal: { "SIGTERM" })
        }
        #expect(error?.description.hasPrefix("stopped by SIGTERM") == true)
    }

    @Test(arguments: [
        ("mean: [0.5], std: [0.25]", "mean and std are in units of 8-bit pixels"),
        ("std: [0.5], mean: [127.5]", "std is in units"), ("mean: [127.5]", "given without std"),
    ])
    func suspiciousUnits(yaml: String, sentence: String) throws {
        let (settings, origin) = try settings("preprocessing: {\(yaml)}")
        var facts = InputFacts()
        facts.add(try pool(2))
        #expect(facts.warnings(settings, origin).contains { $0.contains(sentence) })
    }

    @Test func plainPixelsGiveNoWarning() throws {
        let (settings, origin) = try settings("preprocessing: {mean: [127.5], std: [127.5]}")
        var facts = InputFacts()
        facts.add(try pool(2))
        #expect(facts.images == 2 && facts.arrays == 0)
        #expect(facts.warnings(settings, origin).isEmpty)
    }

    @Test func imagesWithTheSamePixels() throws {
        let (settings, origin) = try settings("")
        var facts = InputFacts()
        for _ in 0..<2 { facts.add(try pool(1)) }
        #expect(
            facts.warnings(settings, origin).contains {
                $0.hasPrefix("all 2 images have the same pixels")
            })
    }

    @Test func theRecordLeavesNothingToARule() throws {
        let (settings, origin) = try settings("preprocessing: {mean: [1, 1, 1], std: [2]}")
        let resolved = try Preprocessing(settings, input: Self.input)
        let record = PixelRecord(settings, resolved: resolved, origin: origin)
        #expect(record.summary == "short side 32, crop 28×28, RGB, (x - 1) / 2")
        #expect(record.values.crop == .size(height: 28, width: 28))
        #expect(record.modelMetadata["counterbias.version"] != nil)
        #expect(record.modelMetadata.count == 2)
    }
}
