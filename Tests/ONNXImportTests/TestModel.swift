// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import SwiftProtobuf
import TestSupport

/// Small models built in memory, to be damaged by tests.
struct TestModel {
    var proto = Onnx_ModelProto()

    /// A graph from `x` (`[1, 3, 6, 6]` unless given otherwise) to `y`.
    init(dims: [Int64] = [1, 3, 6, 6], opset: Int64 = 13) {
        proto.irVersion = 8
        proto.opsetImport = [.with { $0.version = opset }]
        proto.graph.name = "test"
        proto.graph.input = [Self.info("x", dims)]
        proto.graph.output = [Self.info("y", nil)]
    }

    static func info(_ name: String, _ dims: [Int64]?) -> Onnx_ValueInfoProto {
        .with {
            $0.name = name
            $0.type.tensorType.elemType = 1
            guard let dims else { return }
            $0.type.tensorType.shape.dim = dims.map { extent in
                .with { if extent < 0 { $0.dimParam = "N" } else { $0.dimValue = extent } }
            }
        }
    }

    /// Adds a node; the last must produce `y`.
    mutating func add(
        _ type: String, _ inputs: [String], _ output: String, name: String? = nil,
        integers: [String: [Int64]] = [:], integer: [String: Int64] = [:],
        strings: [String: String] = [:]
    ) {
        var node = Onnx_NodeProto()
        node.opType = type
        node.input = inputs
        node.output = [output]
        node.name = name ?? "\(type) of \(output)"
        for (name, values) in integers {
            node.attribute.append(
                .with {
                    $0.name = name
                    $0.type = .ints
                    $0.ints = values
                })
        }
        for (name, value) in integer {
            node.attribute.append(
                .with {
                    $0.name = name
                    $0.type = .int
                    $0.i = value
                })
        }
        for (name, value) in strings {
            node.attribute.append(
                .with {
                    $0.name = name
                    $0.type = .string
                    $0.s = Data(value.utf8)
                })
        }
        proto.graph.node.append(node)
    }

    /// Adds an initializer of small distinct values.
    mutating func weights(_ name: String, _ dims: [Int64]) {
        let count = Int(dims.reduce(1, *))
        weights(name, dims, (0..<count).map { Float($0 % 7) * 0.25 - 0.75 })
    }

    mutating func weights(_ name: String, _ dims: [Int64], _ values: [Float]) {
        proto.graph.initializer.append(
            .with {
                $0.name = name
                $0.dataType = 1
                $0.dims = dims
                $0.rawData = values.withUnsafeBytes { Data($0) }
            })
    }

    mutating func integers(_ name: String, _ values: [Int64]) {
        proto.graph.initializer.append(
            .with {
                $0.name = name
                $0.dataType = 7
                $0.dims = [Int64(values.count)]
                $0.int64Data = values
            })
    }

    /// `x` through one 3×3 convolution of 4 outputs to `y`.
    static var convolution: TestModel {
        var model = TestModel()
        model.weights("w", [4, 3, 3, 3])
        model.add("Conv", ["x", "w"], "y", name: "conv")
        return model
    }

    func load(
        directory: URL = Resources.fixtures, inputShapes: [String: [Int]] = [:]
    ) throws -> FloatNetwork {
        var document = try ONNXDocument(
            data: proto.serializedData(), path: "test.onnx", directory: directory)
        try document.fixInputs(inputShapes)
        return try ONNXImporter.floatNetwork(of: document)
    }

    /// The error that loading gives.
    func error(directory: URL = Resources.fixtures) -> ONNXError? {
        do {
            _ = try load(directory: directory)
            return nil
        } catch {
            return error as? ONNXError
        }
    }
}
