// SPDX-License-Identifier: Apache-2.0

import Foundation
package import NetworkGraph
package import ONNXImport
import ONNXModel
package import Quantization
import Storage
import SwiftProtobuf

/// Quantized networks as ONNX files in QDQ form: float operators between `DequantizeLinear` and
/// `QuantizeLinear`, which runtimes fuse to integer operators. Standard domain, operator set 17.
///
/// Everything that is computed with (weights, biases, scales, zero points, structure, clamps that
/// change a result) is in tensors and nodes. Metadata entries `counterbias.node.NAME` and
/// `counterbias.output` keep the rest, which does not change a result: see ``QDQAnnotation``.
package enum QDQModel {
    /// A decoded file.
    package struct Contents: Hashable, Sendable {
        /// As the file computes it, its outputs' functions named.
        package var network: QuantizedNetwork
        /// Where the bias of each node lies; nil where the node is not a convolution.
        package var biases: [BiasTensor?]
        /// 8-bit tensor of each value; nil where a quantizer is left out, since the value keeps its
        /// input's.
        package var tensors: [String?]
        /// What the caller of `encode` gave; own entries are left out.
        package var metadata: [String: String]
        /// Files beside the model's that hold data of it: paths relative to its directory.
        package var externalFiles: [String] = []
    }

    /// File format version that belongs to operator set 17, that of ``QDQProto``.
    static let irVersion: Int64 = 8

    /// Serializes a network; equal arguments give equal bytes. Networks that differ only in biases
    /// give files of equal length that differ only inside the bias tensors.
    /// - Parameters:
    ///   - network: Its names, shapes and values must fit together; all is checked.
    ///   - metadata: Written as `metadata_props`. Keys that begin with `counterbias.node.` or equal
    ///     `counterbias.output` are taken.
    /// - Returns: The bytes of the file.
    /// - Throws: ``QDQError`` with code `invalidNetwork` or `invalidMetadata`.
    package static func encode(
        _ network: QuantizedNetwork, metadata: [String: String] = [:]
    ) throws -> [UInt8] {
        try serialized(try written(network).model(metadata: metadata))
    }

    /// Serializes a network, and says what has to change in the bytes so that it has other biases.
    /// - Parameters:
    ///   - network: as for ``encode(_:metadata:)``.
    ///   - metadata: as for ``encode(_:metadata:)``.
    ///   - biases: of all convolutions, in the graph's order.
    /// - Returns: the bytes that ``encode(_:metadata:)`` gives, and edits in ascending order.
    /// - Throws: ``QDQError`` as ``encode(_:metadata:)``.
    package static func encode(
        _ network: QuantizedNetwork, metadata: [String: String] = [:], editedTo biases: BiasState
    ) throws -> (bytes: [UInt8], edits: [ByteEdit]) {
        let writer = try written(network)
        precondition(writer.biases.count == biases.layers.count)
        let model = try writer.model(metadata: metadata)
        let bytes = try serialized(model)
        let olds = network.parameters.compactMap { $0?.bias }
        let changes = writer.biases.indices.map {
            BiasEditor.Change(tensor: writer.biases[$0], old: olds[$0], new: biases.layers[$0])
        }
        return (bytes, try BiasEditor.edits(of: bytes, model, changes))
    }

    private static func written(_ network: QuantizedNetwork) throws -> QDQWriter {
        try QDQValidation.check(network)
        var writer = QDQWriter(network)
        try writer.write()
        return writer
    }

    private static func serialized(_ model: Onnx_ModelProto) throws -> [UInt8] {
        do {
            return try model.serializedBytes()
        } catch {
            throw QDQError(
                .invalidNetwork, "the model does not fit into a protobuf message (\(error))")
        }
    }

    /// Encodes a network and replaces the file at `path` in one step.
    /// - Throws: ``QDQError`` as `encode`, or with code `fileAccess`.
    package static func write(
        _ network: QuantizedNetwork, metadata: [String: String] = [:], to path: String
    ) throws {
        let bytes = try encode(network, metadata: metadata)
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw QDQError(
                .fileAccess, file: path, "cannot be written (\(error.localizedDescription))")
        }
    }

    /// Inverse of `encode`; any bytes are safe to pass.
    /// - Parameters:
    ///   - bytes: Of a file.
    ///   - file: Named in errors, and where data in other files is looked for; nil refuses such
    ///     data.
    /// - Returns: The network, and the metadata given to `encode`.
    /// - Throws: ``QDQError``.
    package static func decode(_ bytes: [UInt8], file: String? = nil) throws -> Contents {
        do {
            let model = try parsed(bytes)
            var contents = try read(try complete(model, file: file))
            contents.externalFiles = try externalFiles(of: model)
            return contents
        } catch var error as QDQError {
            error.file = file
            throw error
        }
    }

    private static func parsed(_ bytes: [UInt8]) throws -> Onnx_ModelProto {
        if let kind = ForeignFile.kind(of: Data(bytes.prefix(512))) {
            throw QDQError(.notAModel, "is no ONNX model: it \(kind)")
        }
        do {
            return try Onnx_ModelProto(serializedBytes: bytes)
        } catch {
            throw QDQError(.notAModel, "is no ONNX model (\(error))")
        }
    }

    /// With the data of other files, where the file is known.
    private static func complete(
        _ model: Onnx_ModelProto, file: String?
    ) throws -> Onnx_ModelProto {
        guard let file else { return model }
        return try embedded(
            model, directory: URL(fileURLWithPath: file).deletingLastPathComponent())
    }

    private static func read(_ model: Onnx_ModelProto) throws -> Contents {
        try checkIsQuantized(model)
        let reader = try QDQReader(model)
        let network: QuantizedNetwork
        do {
            network = try reader.read()
        } catch var error as QDQError {
            error.findings = QDQSurvey(model.graph).findings
            throw error
        }
        return Contents(
            network: network, biases: reader.biases, tensors: reader.tensors,
            metadata: QDQAnnotation.foreignEntries(of: model))
    }

    /// What has to change in a file's bytes so that its network has other biases.
    /// - Parameters:
    ///   - bytes: of the file.
    ///   - file: as for ``decode(_:file:)``.
    ///   - biases: of all convolutions, in their order in the file.
    /// - Returns: edits in ascending order, nothing but biases among them. A bias in another file
    ///   gets a tensor in this one.
    /// - Throws: ``QDQError`` as `decode`, and where a bias cannot be written.
    package static func edits(
        of bytes: [UInt8], file: String? = nil, to biases: BiasState
    ) throws -> [ByteEdit] {
        let model = try complete(try parsed(bytes), file: file)
        let contents = try read(model)
        var layer = 0
        var changes: [BiasEditor.Change] = []
        for (parameters, tensor) in zip(contents.network.parameters, contents.biases) {
            guard let parameters, let tensor else { continue }
            changes.append(
                BiasEditor.Change(
                    tensor: tensor, old: parameters.bias, new: biases.layers[layer]))
            layer += 1
        }
        return try BiasEditor.edits(of: bytes, model, changes)
    }

    /// Reads the network from a file: `load(path)` after `write(n, to: path)` equals `n`.
    /// - Throws: ``QDQError``.
    package static func load(path: String) throws -> QuantizedNetwork {
        try read(path: path).network
    }

    /// As `load`, with what else the file says.
    package static func read(path: String) throws -> Contents {
        try decode(bytes(of: path), file: path)
    }

    /// The bytes of a file.
    /// - Throws: ``QDQError`` with code `fileAccess`.
    package static func bytes(of path: String) throws -> [UInt8] {
        if let folder = ForeignFile.folder(at: path) {
            throw QDQError(.fileAccess, file: path, folder)
        }
        do {
            return try POSIXFileSystem().read(path, limit: ONNXDocument.maximumBytes)
        } catch {
            throw QDQError(.fileAccess, file: path, "cannot be read (\(error.reason))")
        }
    }

    /// Tells float models and those in operator format from QDQ models.
    private static func checkIsQuantized(_ model: Onnx_ModelProto) throws {
        let operators = Set(model.graph.node.map(\.opType))
        if let fused = operators.filter({ $0.hasPrefix("QLinear") }).min() {
            throw QDQError(
                .unsupported,
                "is quantized in operator format (\(fused)); quantize it again with quant_format=QuantFormat.QDQ"
            )
        }
        guard
            model.graph.node.isEmpty
                || !operators.isDisjoint(with: ["QuantizeLinear", "DequantizeLinear"])
        else { throw QDQError(.floatModel, "has no QuantizeLinear: it is a float model") }
    }

    /// What can be said before weights and scales are known about whether ``encode(_:metadata:)``
    /// can write a network.
    /// - Parameters:
    ///   - graph: of the network.
    ///   - file: the float model, named in errors.
    /// - Throws: ``QDQError`` with code `invalidNetwork`.
    package static func checkWritable(_ graph: Graph, file: String) throws {
        do {
            try QDQValidation.check(graph)
        } catch var error as QDQError {
            error.file = file
            throw error
        }
    }
}
