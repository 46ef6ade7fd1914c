// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXModel
import SwiftProtobuf
import Testing

/// Tensors in other files: bounds and places are checked.
@Suite final class ExternalDataTests {
    /// `outer/model` with data inside, and a file in `outer` that must stay out of reach.
    private let outer: URL
    private let directory: URL

    init() throws {
        outer = FileManager.default.temporaryDirectory
            .appendingPathComponent("counterbias-\(UUID().uuidString)")
        directory = outer.appendingPathComponent("model")
        try FileManager.default.createDirectory(
            at: directory.appendingPathComponent("parts"), withIntermediateDirectories: true)
        let weights = (0..<108).map { Float($0) }.withUnsafeBytes { Data($0) }
        try (Data(count: 16) + weights).write(to: directory.appendingPathComponent("parts/w.bin"))
        try weights.write(to: outer.appendingPathComponent("secret.bin"))
        try FileManager.default.createSymbolicLink(
            at: directory.appendingPathComponent("link.bin"),
            withDestinationURL: outer.appendingPathComponent("secret.bin"))
    }

    deinit { try? FileManager.default.removeItem(at: outer) }

    private func model(_ entries: [String: String]) -> TestModel {
        var model = TestModel.convolution
        model.proto.graph.initializer[0].clearRawData()
        model.proto.graph.initializer[0].dataLocation = .external
        model.proto.graph.initializer[0].externalData = entries.map { key, value in
            .with {
                $0.key = key
                $0.value = value
            }
        }
        return model
    }

    @Test func readsAtTheOffset() throws {
        let model = model(["location": "parts/w.bin", "offset": "16", "length": "432"])
        let network = try model.load(directory: directory)
        let weights = try #require(network.parameters[0]?.weights)
        // OHWI: the second weight is the second input channel at the same tap.
        #expect(weights[0] == 0 && weights[1] == 9 && weights[3] == 1 && weights[107] == 107)
        let open = self.model(["location": "parts/w.bin", "offset": "16"])
        #expect(try open.load(directory: directory) == network)
    }

    @Test(arguments: [
        (["location": "parts/w.bin", "offset": "17", "length": "432"], "beyond its end"),
        (["location": "parts/w.bin", "offset": "9223372036854775807"], "beyond its end"),
        (["location": "parts/w.bin", "offset": "9223372036854775807", "length": "432"], "beyond"),
        (["location": "parts/w.bin", "offset": "-1"], "invalid offset"),
        (["location": "parts/w.bin", "offset": "16", "length": "428"], "where 432 are needed"),
        (["location": "parts/w.bin", "length": "x"], "invalid length"),
        (["location": "parts"], "no such file"),
        (["location": "none.bin"], "no such file"),
        (["location": "../secret.bin"], "inside the model's directory"),
        (["location": "parts/../../secret.bin"], "inside the model's directory"),
        (["location": "/etc/passwd"], "inside the model's directory"),
        (["location": "link.bin"], "inside the model's directory"),
        (["location": "."], "inside the model's directory"),
        (["offset": "0"], "without a location"),
    ])
    func refuses(_ entries: [String: String], _ text: String) {
        let error = model(entries).error(directory: directory)
        #expect(error?.tensor == "w" && error?.node == "conv" && error?.file == "test.onnx")
        #expect(error?.detail.contains(text) == true, "\(String(describing: error))")
    }
}
