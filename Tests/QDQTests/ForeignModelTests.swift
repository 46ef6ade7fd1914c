// SPDX-License-Identifier: Apache-2.0

import Execution
import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization
import SwiftProtobuf
import TestSupport
import Testing

@testable import QDQ

/// Models that ONNX Runtime's and NNCF's quantizers made
/// (scripts/fixtures/make-foreign-fixtures.py).
@Suite struct ForeignModelTests {
    struct Golden: Decodable {
        /// Row-major NCHW.
        var input: [[Float]]
        /// ONNX Runtime's, by model and image.
        var output: [String: [[Float]]]
    }

    static let folder = Resources.fixtures.appendingPathComponent("foreign")

    static let names = [
        "mobile.ort-u8u8-tensor", "mobile.ort-u8s8-channel", "mobile.ort-s8s8-tensor",
        "mobile.nncf-mixed", "mobile.nncf-performance", "mobile.nncf-tensor",
        "residual.ort-u8u8-tensor", "residual.ort-s8s8-tensor", "residual.nncf-mixed",
        "residual.nncf-mixed-pool",
        "branches.ort-u8s8-channel", "branches.nncf-tensor", "bare.ort-u8s8-channel",
        "bare.nncf-tensor", "matmul.ort-u8u8-tensor", "matmul.ort-u8s8-channel",
        "matmul.ort-u8u8-tensor-raw", "matmul.ort-u8s8-channel-raw", "matmul.nncf-mixed",
        "matmul.nncf-mixed-raw", "matmul.nncf-mixed-mean", "gated.ort-u8u8-tensor",
        "gated.ort-u8s8-channel", "gated.ort-u8s8-channel-raw", "joined.ort-u8u8-tensor",
        "joined.nncf-mixed", "averaged.ort-u8s8-channel", "averaged.nncf-mixed",
    ]

    static func path(_ name: String) -> String {
        folder.appendingPathComponent("\(name).onnx").path
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    static func float(of name: String) throws -> FloatNetwork {
        try ONNXImporter.loadFloatNetwork(path: path(String(name.prefix { $0 != "." })))
    }

    private static func golden() throws -> Golden {
        try JSONDecoder().decode(
            Golden.self, from: Data(contentsOf: folder.appendingPathComponent("golden.json")))
    }

    /// NHWC of an image.
    private static func channelsLast(_ image: [Float], _ shape: TensorShape) -> [Float] {
        (0..<shape.pixels).flatMap { pixel in
            (0..<shape.channels).map { image[$0 * shape.pixels + pixel] }
        }
    }

    /// Outputs are those of ONNX Runtime: to the bit where they are 8-bit, within rounding where
    /// they are float.
    @Test(arguments: names)
    func outputsAreThoseOfONNXRuntime(name: String) throws {
        let network = try QDQModel.load(path: Self.path(name))
        try network.validate(acceptsBiases: true)
        let golden = try Self.golden()
        let outputs = try #require(golden.output[name])
        let executor = IntegerExecutor(network)
        for (image, expected) in zip(golden.input, outputs) {
            let found = executor.run(
                Self.channelsLast(image, network.graph.inputs[0].shape),
                biases: BiasState(of: network), workspace: Workspace())
            #expect(found.count == expected.count)
            let isFloat = network.activations[network.graph.outputs[0].value] == nil
            let limit = isFloat ? 1e-5 * (expected.map(abs).max() ?? 0) : 0
            for (ours, theirs) in zip(found, expected) {
                #expect(abs(ours - theirs) <= limit, "\(ours) and \(theirs)")
            }
        }
    }

    /// In the structure of the quantized network, the float network computes the bits it did.
    @Test(arguments: names)
    func matchedFloatNetworkIsTheSame(name: String) throws {
        let float = try Self.float(of: name)
        let matching = try NetworkMatching(
            float: float, quantized: QDQModel.load(path: Self.path(name)))
        #expect(matching.float.graph == matching.quantized.graph)
        let image = Self.channelsLast(try Self.golden().input[0], float.graph.inputs[0].shape)
        #expect(
            FloatExecutor(matching.float).run(image, workspace: Workspace())
                == FloatExecutor(float).run(image, workspace: Workspace()))
    }

    @Test func unusableModelsAreRefusedByName() throws {
        let unfolded = try #require(throws: QDQError.self) {
            try QDQModel.load(path: Self.path("mobile.ort-unfolded"))
        }
        #expect(unfolded.code == .notFolded)
        #expect(unfolded.node == "BatchNormalization_7")
        let channels = try #require(throws: QDQError.self) {
            try QDQModel.load(path: Self.path("mobile.nncf-channels"))
        }
        #expect(channels.code == .perChannelActivations)
        #expect(channels.description.contains("per_channel=False"))
    }

    /// All that is in the way is named at once, with the reason.
    @Test func refusalsListEveryNode() throws {
        let float = try #require(throws: QDQError.self) {
            try QDQModel.load(path: Self.path("gated.nncf-float"))
        }
        #expect(float.code == .missingQuantization)
        #expect(
            float.findings.map(\.reason) == [
                "nodes that read a float result", "layers that were left in float",
            ])
        #expect(float.findings.last?.nodes == ["Conv_12", "Conv_16"])
        #expect(!float.description.contains("quantize it"))
        let unfolded = try #require(throws: QDQError.self) {
            try QDQModel.load(path: Self.path("mobile.ort-unfolded"))
        }
        #expect(unfolded.findings.map(\.reason) == ["BatchNormalization that was not folded"])
        #expect(unfolded.findings.first?.nodes.count == 7)
        let channels = try #require(throws: QDQError.self) {
            try QDQModel.load(path: Self.path("mobile.nncf-channels"))
        }
        #expect(
            channels.findings.map(\.reason) == [
                "quantizers of activations with one scale per channel"
            ])
        #expect(channels.findings.first?.nodes.count == 2)
    }

    @Test func floatBiasesBeyondInt32AreNamed() throws {
        var model = try Onnx_ModelProto(
            serializedBytes: try Self.bytes("residual.nncf-mixed"))
        let layer = try #require(
            model.graph.node.first { $0.opType == "Conv" && $0.input.count > 2 })
        try RejectionTests.tensor(layer.input[2], of: &model) {
            $0.rawData.replaceSubrange(8..<12, with: RejectionTests.floats([1e30]))
        }
        let bytes: [UInt8] = try model.serializedBytes()
        let error = try #require(throws: QDQError.self) { try QDQModel.decode(bytes) }
        #expect(error.code == .biasOverflow)
        #expect(error.node == layer.name)
        #expect(error.detail.contains("channel 2") && error.description.contains("per tensor"))
    }

    /// Tensors in a second file are read; a bias there gets a tensor in the model's own.
    @Test(arguments: ["residual.ort-u8u8-tensor", "residual.nncf-mixed"])
    func dataInAnotherFileIsRead(name: String) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("external-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var model = try Onnx_ModelProto(serializedBytes: try Self.bytes(name))
        var data = Data()
        for index in model.graph.initializer.indices
        where model.graph.initializer[index].hasRawData {
            let raw = model.graph.initializer[index].rawData
            model.graph.initializer[index].externalData = [
                QDQProto.entry("location", "weights.bin"),
                QDQProto.entry("offset", "\(data.count)"),
                QDQProto.entry("length", "\(raw.count)"),
            ]
            model.graph.initializer[index].dataLocation = .external
            model.graph.initializer[index].clearRawData()
            data += raw
        }
        try data.write(to: folder.appendingPathComponent("weights.bin"))
        let file = folder.appendingPathComponent("model.onnx").path
        let bytes: [UInt8] = try model.serializedBytes()
        let contents = try QDQModel.decode(bytes, file: file)
        #expect(contents.network == (try QDQModel.load(path: Self.path(name))))
        #expect(contents.externalFiles == ["weights.bin"])
        let biases = BiasState(
            layers: BiasState(of: contents.network).layers.map { $0.map { $0 + 3 } })
        let (patch, patched) = try BiasPatch.create(of: bytes, file: file, to: biases)
        let corrected = try QDQModel.decode(patched, file: file).network
        #expect(corrected == contents.network.replacingBiases(biases))
        #expect(try patch.revert(from: patched) == bytes)
    }

    @Test func otherFloatNetworksAreRefusedByLayer() throws {
        let quantized = try QDQModel.load(path: Self.path("mobile.ort-u8u8-tensor"))
        let other = try #require(throws: QDQError.self) {
            try NetworkMatching(float: Self.float(of: "residual"), quantized: quantized)
        }
        #expect(other.code == .otherNetwork)
        #expect(other.node == "Conv_2")
        var retrained = try Self.float(of: "mobile")
        let layer = retrained.graph.convolutions[2]
        retrained.parameters[layer]?.weights.reverse()
        let weights = try #require(throws: QDQError.self) {
            try NetworkMatching(float: retrained, quantized: quantized)
        }
        #expect(weights.code == .otherNetwork)
        #expect(weights.description.contains(retrained.graph.nodes[layer].name))
    }

    /// A second scale behind a max-pool is a node of its own.
    @Test func requantizedMaxPoolIsRead() throws {
        let network = RejectionTests.network()
        var model = try Onnx_ModelProto(serializedBytes: try QDQModel.encode(network))
        for name in ["pool_quantize", "pool_dequantize"] {
            try RejectionTests.node(name, of: &model) { $0.input[1] = "x_scale" }
        }
        for name in ["head_flattened_quantize", "head_flattened_dequantize"] {
            try RejectionTests.node(name, of: &model) { $0.input[1] = "x_scale" }
        }
        try RejectionTests.tensor("head_bias_scale", of: &model) {
            $0.rawData = RejectionTests.floats([0.5 * 0.05])
        }
        let read = try QDQModel.decode(try model.serializedBytes()).network
        #expect(read.graph.nodes.map(\.operation)[2] == .clamp)
        #expect(read.activations[2] == network.activations[1])
        #expect(read.activations[3]?.scale == 0.5)
    }
}
