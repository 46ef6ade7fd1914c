// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import Quantization
import SwiftProtobuf
import Testing

@testable import QDQ

/// A Softmax at the end of files, ours and those of other tools.
@Suite struct OutputFunctionTests {
    private static func network(
        _ change: (inout QuantizedNetwork) -> Void = { _ in }
    ) -> QuantizedNetwork {
        var network = RejectionTests.network()
        network.graph.outputs[0].function = .softmax
        change(&network)
        return network
    }

    /// The file of `network()` with the Softmax's result as `p`, and what `change` puts behind it
    /// up to `y`.
    private static func read(
        _ network: QuantizedNetwork = Self.network(),
        _ change: (inout Onnx_ModelProto) throws -> Void
    ) throws -> QDQModel.Contents {
        var model = try Onnx_ModelProto(serializedBytes: try QDQModel.encode(network))
        try RejectionTests.node("y_softmax", of: &model) { $0.output = ["p"] }
        try change(&model)
        return try QDQModel.decode(try model.serializedBytes())
    }

    private static func add(
        _ type: String, _ inputs: [String], _ output: String, to model: inout Onnx_ModelProto
    ) {
        model.graph.node.append(
            .with {
                $0.opType = type
                $0.name = output + " of " + type
                $0.input = inputs
                $0.output = [output]
            })
    }

    private static func addQuantizers(_ source: String, to model: inout Onnx_ModelProto) {
        model.graph.initializer.append(QDQProto.tensor("s", [Float(1) / 256], axes: []))
        model.graph.initializer.append(QDQProto.tensor("z", [0], type: .uint8, axes: []))
        add("QuantizeLinear", [source, "s", "z"], "q", to: &model)
        add("DequantizeLinear", ["q", "s", "z"], "y", to: &model)
    }

    /// ONNX Runtime's quantizer puts a pair behind every Softmax.
    @Test func quantizersBehindItAreLookedThrough() throws {
        let contents = try Self.read { Self.addQuantizers("p", to: &$0) }
        #expect(contents.network == Self.network())
        #expect(contents.tensors.last == "head_quantized")
    }

    @Test func rearrangementsBehindItAreFollowed() throws {
        let contents = try Self.read {
            $0.graph.initializer.append(QDQProto.tensor("axes", [Int64(2), 3], axes: [2]))
            Self.add("Identity", ["p"], "p2", to: &$0)
            Self.add("Unsqueeze", ["p2", "axes"], "y", to: &$0)
            $0.graph.output[0].type.tensorType.clearShape()
        }
        #expect(contents.network == Self.network { $0.graph.outputs[0].rank = 4 })
    }

    @Test func logitsMayBeFloat() throws {
        let network = Self.network { $0.activations[3] = nil }
        #expect(try QDQModel.decode(QDQModel.encode(network)).network == network)
        let contents = try Self.read(network) { Self.addQuantizers("p", to: &$0) }
        #expect(contents.network == network)
    }

    @Test func nothingIsComputedWithALogSoftmax() throws {
        for next in ["Relu", "HardSwish", "Softmax"] {
            let error = try #require(throws: QDQError.self) {
                try Self.read { model in
                    for index in model.graph.node.indices
                    where model.graph.node[index].opType == "Softmax" {
                        model.graph.node[index].opType = "LogSoftmax"
                    }
                    Self.add(next, ["p"], "y", to: &model)
                }
            }
            #expect(error.code == .unsupported && error.tensor == "p", "\(error)")
        }
    }

    @Test func otherAxesAreRefused() throws {
        var model = try Onnx_ModelProto(serializedBytes: try QDQModel.encode(Self.network()))
        try RejectionTests.node("y_softmax", of: &model) { $0.attribute[0].i = 0 }
        let error = try #require(throws: QDQError.self) {
            try QDQModel.decode(try model.serializedBytes())
        }
        #expect(error.node == "y_softmax" && error.detail.contains("along axis 0"), "\(error)")
        // Without an attribute it is the last axis.
        try RejectionTests.node("y_softmax", of: &model) { $0.attribute = [] }
        #expect(try QDQModel.decode(try model.serializedBytes()).network == Self.network())
    }

    @Test func channelsNeedAnAxis() throws {
        let network = Self.network {
            $0.graph.outputs[0].value = 1
            $0.graph.nodes.removeLast(2)
            $0.parameters.removeLast(2)
            $0.activations.removeLast(2)
        }
        let error = try #require(throws: QDQError.self) { try QDQModel.encode(network) }
        #expect(error.code == .invalidNetwork && error.tensor == "y", "\(error)")
    }
}
