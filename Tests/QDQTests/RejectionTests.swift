// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization
import SwiftProtobuf
import TestSupport
import Testing

@testable import QDQ

/// Files that must not be read: each case damages a good file in one place.
@Suite struct RejectionTests {
    /// conv (per channel, Relu implied) -> max-pool -> fully connected.
    static func network() -> QuantizedNetwork {
        let input = TensorShape(height: 4, width: 4, channels: 2)
        let map = TensorShape(height: 4, width: 4, channels: 3)
        let pooled = TensorShape(height: 2, width: 2, channels: 3)
        let nodes = [
            Node(
                name: "conv",
                operation: .convolution(
                    Convolution(window: Window(kernelHeight: 1, kernelWidth: 1), hadBias: false)),
                inputs: [0], clamp: Clamp(lower: 0), shape: map),
            Node(
                name: "pool",
                operation: .maxPool(
                    Window(kernelHeight: 2, kernelWidth: 2, strideHeight: 2, strideWidth: 2)),
                inputs: [1], shape: pooled),
            Node(
                name: "head",
                operation: .convolution(
                    Convolution(
                        window: Window(kernelHeight: 2, kernelWidth: 2), isFullyConnected: true)),
                inputs: [2], shape: TensorShape(height: 1, width: 1, channels: 2)),
        ]
        let conv = QuantizedParameters(
            weights: [1, 2, 3, -4, -5, 6], type: .int8, scales: [0.1, 0.2, 0.3],
            zeroPoints: [0, 0, 0], bias: [7, 8, 9])
        let head = QuantizedParameters(
            weights: (0..<24).map { Int16($0 * 10) }, type: .uint8, scales: [0.05],
            zeroPoints: [128], bias: [-1, 1])
        let middle = TensorQuantization(scale: 0.25, zeroPoint: 0, type: .uint8)
        return QuantizedNetwork(
            graph: Graph(
                name: "net", input: Graph.Input(name: "x", shape: input, layout: .nchw),
                nodes: nodes, output: Graph.Output(name: "y", value: 3, rank: 2)),
            parameters: [conv, nil, head],
            activations: [
                TensorQuantization(scale: 0.5, zeroPoint: 120, type: .uint8), middle, middle,
                TensorQuantization(scale: 2, zeroPoint: 100, type: .uint8),
            ])
    }

    /// Decodes the damaged file and returns the error, which must name the file.
    static func error(
        _ damage: (inout Onnx_ModelProto) throws -> Void
    ) throws -> QDQError {
        let good = try QDQModel.encode(network())
        var model = try Onnx_ModelProto(serializedBytes: good)
        try damage(&model)
        let bytes: [UInt8] = try model.serializedBytes()
        try #require(bytes != good)
        let error = try #require(throws: QDQError.self) {
            try QDQModel.decode(bytes, file: "damaged.onnx")
        }
        #expect(error.file == "damaged.onnx")
        #expect(error.description.contains("damaged.onnx"))
        return error
    }

    static func tensor(
        _ name: String, of model: inout Onnx_ModelProto, _ change: (inout Onnx_TensorProto) -> Void
    ) throws {
        let index = try #require(model.graph.initializer.firstIndex { $0.name == name })
        change(&model.graph.initializer[index])
    }

    static func node(
        _ name: String, of model: inout Onnx_ModelProto, _ change: (inout Onnx_NodeProto) -> Void
    ) throws {
        let index = try #require(model.graph.node.firstIndex { $0.name == name })
        change(&model.graph.node[index])
    }

    static func floats(_ values: [Float]) -> Data {
        Data(values.flatMap { value in withUnsafeBytes(of: value.bitPattern) { [UInt8]($0) } })
    }

    @Test func undamagedFileIsRead() throws {
        let network = Self.network()
        #expect(try QDQModel.decode(QDQModel.encode(network)).network == network)
    }

    // MARK: Quantization

    @Test func biasScaleMustBeTheProduct() throws {
        let product = 0.5 * 0.2 as Float
        let scales: [Float] = [0.05, product * (1 + 2e-6), 0.15]
        let error = try Self.error {
            try Self.tensor("conv_bias_scale", of: &$0) { $0.rawData = Self.floats(scales) }
        }
        #expect(error.code == .inconsistentQuantization)
        #expect(error.node == "conv")
        #expect(error.tensor == "conv_bias_quantized")
        #expect(error.detail.contains("\(scales[1])") && error.detail.contains("\(product)"))
    }

    /// Runtimes take the product, whatever the scale says.
    @Test func biasScalesMayBeRoundedOtherwise() throws {
        let product = 0.5 * 0.2 as Float
        for scale in [product.nextUp, product.nextDown, product.nextUp.nextUp.nextUp] {
            var model = try Onnx_ModelProto(
                serializedBytes: try QDQModel.encode(Self.network()))
            try Self.tensor("conv_bias_scale", of: &model) {
                $0.rawData = Self.floats([0.05, scale, 0.15])
            }
            #expect(try QDQModel.decode(try model.serializedBytes()).network == Self.network())
        }
    }

    @Test func biasNeedsAsManyScalesAsWeights() throws {
        let error = try Self.error {
            try Self.tensor("conv_bias_scale", of: &$0) {
                $0.rawData = Self.floats([0.05])
                $0.dims = []
            }
        }
        #expect(error.code == .inconsistentQuantization)
        #expect(error.tensor == "conv_bias_quantized")
    }

    @Test func channelAxisMustBeOutputs() throws {
        let error = try Self.error {
            try Self.node("conv_weight_dequantize", of: &$0) { $0.attribute[0].i = 1 }
        }
        #expect(error.code == .inconsistentQuantization)
        #expect(error.node == "conv_weight_dequantize")
    }

    @Test func squareWeightsAlongTheWrongAxisAreSeen() throws {
        let error = try Self.error {
            try Self.tensor("head_weight_scale", of: &$0) {
                $0.rawData = Self.floats([Float](repeating: 0.05, count: 12))
                $0.dims = [12]
            }
            try Self.tensor("head_weight_zero_point", of: &$0) {
                $0.rawData = Data(repeating: 128, count: 12)
                $0.dims = [12]
            }
        }
        #expect(error.code == .inconsistentQuantization)
        #expect(error.node == "head")
        #expect(error.tensor == "head_weight_quantized")
    }

    @Test func zeroPointsMustMatchScalesInNumber() throws {
        let error = try Self.error {
            try Self.tensor("conv_weight_zero_point", of: &$0) {
                $0.rawData = Data([0])
                $0.dims = []
            }
        }
        #expect(error.code == .inconsistentQuantization)
        #expect(error.tensor == "conv_weight_zero_point")
    }

    @Test func dequantizerMustMatchItsQuantizer() throws {
        let error = try Self.error {
            try Self.node("conv_dequantize", of: &$0) { $0.input[1] = "x_scale" }
        }
        #expect(error.code == .inconsistentQuantization)
        #expect(error.tensor == "conv_quantized")
    }

    @Test func activationsNeedOneScale() throws {
        let error = try Self.error {
            try Self.tensor("conv_scale", of: &$0) {
                $0.rawData = Self.floats([0.25, 0.25, 0.25])
                $0.dims = [3]
            }
        }
        #expect(error.code == .perChannelActivations)
        #expect(error.node == "conv_quantize")
    }

    @Test func scalesMustBePositive() throws {
        for scale in [Float(0), -1, .nan, .infinity] {
            let error = try Self.error {
                try Self.tensor("conv_scale", of: &$0) { $0.rawData = Self.floats([scale]) }
            }
            #expect(error.code == .inconsistentQuantization)
            #expect(error.tensor == "conv_scale")
        }
    }

    @Test func missingQuantizerIsNamed() throws {
        let error = try Self.error {
            $0.graph.node.removeAll { ["conv_quantize", "conv_dequantize"].contains($0.name) }
            // A max-pool may stand in front of the quantizer, an average may not.
            try Self.node("pool", of: &$0) {
                $0.input = ["conv_float"]
                $0.opType = "AveragePool"
                $0.attribute.removeAll { $0.name == "dilations" }
            }
        }
        #expect(error.code == .missingQuantization)
        #expect(error.node == "pool")
        #expect(error.tensor == "conv_float")
    }

    @Test func floatWeightsAreRefused() throws {
        let error = try Self.error {
            try Self.node("conv", of: &$0) { $0.input[1] = "conv_weight_quantized" }
        }
        #expect(error.code == .missingQuantization)
        #expect(error.tensor == "conv_weight_quantized")
    }

    // MARK: Types and tensors

    @Test func wideWeightsAreRefused() throws {
        let error = try Self.error {
            try Self.tensor("conv_weight_quantized", of: &$0) {
                $0.dataType = Int32(Onnx_TensorProto.DataType.int16.rawValue)
                $0.rawData = Data(count: 12)
            }
        }
        #expect(error.code == .unsupportedType)
        #expect(error.tensor == "conv_weight_quantized")
    }

    @Test func floatBiasIsRefused() throws {
        let error = try Self.error {
            try Self.tensor("head_bias_quantized", of: &$0) {
                $0.dataType = Int32(Onnx_TensorProto.DataType.float.rawValue)
            }
        }
        #expect(error.code == .unsupportedType)
        #expect(error.tensor == "head_bias_quantized")
    }

    @Test func dataMustFillTheShape() throws {
        for size in [5, 7] {
            let error = try Self.error {
                try Self.tensor("conv_weight_quantized", of: &$0) { $0.rawData = Data(count: size) }
            }
            #expect(error.code == .malformedGraph)
        }
        let error = try Self.error {
            try Self.tensor("conv_weight_quantized", of: &$0) {
                $0.dims = [Int64.max, Int64.max, 1, 1]
            }
        }
        #expect(error.code == .malformedGraph)
    }

    @Test func externalDataIsRefused() throws {
        let error = try Self.error {
            try Self.tensor("conv_weight_quantized", of: &$0) { $0.dataLocation = .external }
        }
        #expect(error.code == .externalData)
        #expect(error.description.contains("onnx.save"))
    }

    @Test func namesMustBeDefinedOnceAndBeforeUse() throws {
        let twice = try Self.error {
            try Self.node("pool", of: &$0) { $0.output = ["conv_float"] }
        }
        #expect(twice.code == .malformedGraph)
        let never = try Self.error {
            try Self.node("pool", of: &$0) { $0.input = ["nothing"] }
        }
        #expect(never.code == .malformedGraph)
        #expect(never.tensor == "nothing")
        let order = try Self.error { $0.graph.node.reverse() }
        #expect(order.code == .malformedGraph)
    }

    // MARK: Operators

    @Test func unknownOperatorsAndAttributesAreNamed() throws {
        let unknown = try Self.error { try Self.node("pool", of: &$0) { $0.opType = "LpPool" } }
        #expect(unknown.code == .unsupported)
        #expect(unknown.node == "pool")
        #expect(unknown.detail.contains("LpPool"))
        let domain = try Self.error {
            try Self.node("conv_quantize", of: &$0) { $0.domain = "com.microsoft" }
        }
        #expect(domain.code == .unsupported)
        let attribute = try Self.error {
            try Self.node("conv", of: &$0) { $0.attribute[0].name = "block_size" }
        }
        #expect(attribute.code == .unsupported)
        #expect(attribute.detail.contains("block_size"))
        let norm = try Self.error {
            try Self.node("pool", of: &$0) { $0.opType = "BatchNormalization" }
        }
        #expect(norm.code == .notFolded)
        #expect(norm.node == "pool")
        let gemm = try Self.error { try Self.node("head", of: &$0) { $0.attribute[0].i = 0 } }
        #expect(gemm.code == .malformedGraph)
        let opset = try Self.error { $0.opsetImport[0].version = 10 }
        #expect(opset.code == .unsupported)
    }

    @Test func windowsMustFit() throws {
        for extent in [Int64(0), -1, 9, .max] {
            let error = try Self.error {
                try Self.node("pool", of: &$0) { $0.attribute[0].ints = [extent, 2] }
            }
            #expect(error.code == .malformedGraph || error.code == .unsupported)
            #expect(error.node == "pool")
        }
    }

    // MARK: Metadata

    @Test func clampOfMetadataMustBeImplied() throws {
        let error = try Self.error {
            $0.metadataProps = [QDQProto.entry("counterbias.node.conv", "clamp=0.0:6.0")]
        }
        #expect(error.code == .invalidMetadata)
        #expect(error.node == "conv")
    }

    @Test func metadataMustFitTheGraph() throws {
        for (key, text) in [
            ("counterbias.node.none", "hadBias=false"), ("counterbias.node.pool", "hadBias=false"),
            ("counterbias.node.pool", "pads=0,0,1,1"), ("counterbias.node.conv", "pads=0,0,0,0"),
            ("counterbias.node.conv", "clamp=nan:"), ("counterbias.node.conv", "color=red"),
        ] {
            let error = try Self.error { $0.metadataProps = [QDQProto.entry(key, text)] }
            #expect(error.code == .invalidMetadata, "\(key) \(text)")
        }
    }

    // MARK: Files and arbitrary bytes

    @Test func missingFileIsNamed() throws {
        let error = try #require(throws: QDQError.self) {
            try QDQModel.load(path: "/nonexistent/model.onnx")
        }
        #expect(error.code == .fileAccess)
        #expect(error.file == "/nonexistent/model.onnx")
    }

    @Test(arguments: [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("\n <!DOCTYPE html><html></html>", "is a web page"),
        ("\u{FEFF}<HTML>", "is a web page"), ("\u{1C}\0\0\0TFL3\0\0", "TensorFlow Lite"),
        ("PK\u{3}\u{4}\0", "ZIP archive"), ("", "is empty"),
    ])
    func namesOtherKindsOfFiles(text: String, expected: String) throws {
        let error = try #require(throws: QDQError.self) { try QDQModel.decode(Array(text.utf8)) }
        #expect(error.code == .notAModel && error.detail.contains(expected), "\(error)")
    }

    @Test func namesFolders() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("counterbias-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        let error = try #require(throws: QDQError.self) { try QDQModel.read(path: url.path) }
        #expect(error.code == .fileAccess && error.detail.contains("is a folder"))
    }

    /// Damaged bytes end in an error or in a network that can be written again, never in a crash.
    @Test(arguments: TestSeed.values(12))
    func damagedBytesNeverCrash(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let good = try QDQModel.encode(
            seed == TestSeed.value ? Self.network() : RandomNetworks.make(seed: seed))
        for _ in 0..<150 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] =
                    UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            }
            do {
                _ = try QDQModel.decode(bytes)
            } catch is QDQError {}
        }
    }
}
