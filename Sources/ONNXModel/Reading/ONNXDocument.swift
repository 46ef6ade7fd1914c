// SPDX-License-Identifier: Apache-2.0

package import Foundation
import PrintableText
import Storage
import SwiftProtobuf

/// A parsed ONNX file, before any meaning is given to its operators.
package struct ONNXDocument: Sendable {
    /// Path given by the user, for messages.
    package let path: String
    /// Where external data is looked for.
    let directory: URL
    /// As it stands in the file, but for extents that ``fixInputs(_:)`` gave.
    package private(set) var model: Onnx_ModelProto
    /// Version of the standard operator set, at least 7.
    package let opset: Int
    /// Initializers by name.
    package let initializers: [String: Onnx_TensorProto]

    /// Largest file: protobuf's own bound.
    package static let maximumBytes = Int(Int32.max)

    /// Reads and parses `path`.
    ///
    /// - Throws: ``ONNXError`` with code `unreadable`, `malformed` or `unsupported`.
    package init(path: String) throws(ONNXError) {
        if let folder = ForeignFile.folder(at: path) {
            throw ONNXError(.unreadable, file: path, folder + ".")
        }
        let url = URL(fileURLWithPath: path)
        let data: Data
        do {
            data = Data(try POSIXFileSystem().read(path, limit: Self.maximumBytes))
        } catch {
            throw ONNXError(.unreadable, file: path, "cannot be read: \(error.reason).")
        }
        try self.init(data: data, path: path, directory: url.deletingLastPathComponent())
    }

    /// Parses the bytes of a model.
    ///
    /// - Parameters:
    ///   - data: the file's content.
    ///   - path: its name, for messages.
    ///   - directory: where external data lies.
    /// - Throws: ``ONNXError`` with code `malformed` or `unsupported`.
    package init(data: Data, path: String, directory: URL) throws(ONNXError) {
        if let kind = ForeignFile.kind(of: data) {
            throw ONNXError(.malformed, file: path, "is not an ONNX model: it \(kind).")
        }
        do {
            model = try Onnx_ModelProto(serializedBytes: data)
        } catch {
            throw ONNXError(.malformed, file: path, "is not an ONNX model (\(error)).")
        }
        self.path = path
        self.directory = directory
        do throws(ONNXError) {
            opset = try Self.opset(of: model)
            initializers = try Self.initializers(of: model.graph)
        } catch {
            throw error.located(in: path)
        }
    }

    private static func opset(of model: Onnx_ModelProto) throws(ONNXError) -> Int {
        guard model.hasGraph, model.graph.output.count > 0 else {
            throw ONNXError(.malformed, "is not an ONNX model: it has no graph with outputs.")
        }
        let versions = model.opsetImport.filter { isStandard($0.domain) }.map(\.version)
        guard let version = versions.max() else {
            throw ONNXError(.malformed, "names no version of the standard operator set.")
        }
        guard version >= 7 else {
            throw ONNXError(
                .unsupported,
                "uses operator set \(version); convert it to 7 or later (onnx.version_converter).")
        }
        return Int(clamping: version)
    }

    private static func initializers(
        of graph: Onnx_GraphProto
    ) throws(ONNXError) -> [String: Onnx_TensorProto] {
        var byName: [String: Onnx_TensorProto] = [:]
        for tensor in graph.initializer {
            guard !tensor.name.isEmpty else {
                throw ONNXError(.malformed, "has an initializer without a name.")
            }
            guard byName.updateValue(tensor, forKey: tensor.name) == nil else {
                throw ONNXError(.malformed, tensor: tensor.name, "is initialized twice.")
            }
        }
        return byName
    }

    /// Whether `domain` is that of the operators every ONNX tool knows.
    package static func isStandard(_ domain: String) -> Bool {
        domain.isEmpty || domain == "ai.onnx"
    }

    /// Inputs that the caller has to feed: those without an initializer.
    package var inputs: [Onnx_ValueInfoProto] {
        model.graph.input.filter { initializers[$0.name] == nil }
    }

    /// Gives inputs the extents that the file leaves open.
    /// - Parameter shapes: all extents of an input, the batch's first, by name. A batch of 1 leaves
    ///   the number of images open where the file does.
    /// - Throws: ``ONNXError`` with code `unsupported` where there is no such input, or the file
    ///   says otherwise.
    package mutating func fixInputs(_ shapes: [String: [Int]]) throws(ONNXError) {
        for (name, extents) in shapes.sorted(by: { $0.key < $1.key }) {
            guard let index = model.graph.input.firstIndex(where: { $0.name == name }),
                initializers[name] == nil
            else {
                throw ONNXError(
                    .unsupported, file: path, tensor: name,
                    "is given a shape, and is no input; there is "
                        + inputs.map { printable($0.name) }.joined(separator: ", ") + ".")
            }
            var dims = model.graph.input[index].type.tensorType.shape.dim
            let hasShape = model.graph.input[index].type.tensorType.hasShape
            if !hasShape { dims = extents.map { _ in Onnx_TensorShapeProto.Dimension() } }
            let fits = zip(dims, extents).allSatisfy { $0.dimValue <= 0 || $0.dimValue == $1 }
            guard dims.count == extents.count, fits else {
                let declared = dims.map { $0.dimValue > 0 ? "\($0.dimValue)" : "any" }
                throw ONNXError(
                    .unsupported, file: path, tensor: name,
                    "is given the extents \(extents), and the file says "
                        + "[\(declared.joined(separator: ", "))].")
            }
            for axis in dims.indices where axis > 0 || extents[axis] > 1 {
                dims[axis].dimValue = Int64(extents[axis])
            }
            model.graph.input[index].type.tensorType.shape.dim = dims
        }
    }

    /// Why no node or initializer before its reader defines `name`.
    package func reasonForMissing(_ name: String) -> String {
        if let later = model.graph.node.first(where: { $0.output.contains(name) }) {
            let maker =
                later.name.isEmpty
                ? "\(later.opType.printable()) node" : "node \(printable(later.name))"
            return
                "reads \(printable(name)), which the \(maker) computes only behind it: the nodes are not in "
                + "topological order. Sort them, with topological_sort() of "
                + "onnxruntime.quantization.onnx_model.ONNXModel, and save the model again."
        }
        if hasSparseInitializers {
            return
                "reads \(printable(name)), and the model has sparse initializers, which are not read: store it "
                + "as a dense initializer."
        }
        return "reads \(printable(name)), which is not defined before it."
    }

    /// Field 15 of GraphProto; no other field of it is unknown here.
    private var hasSparseInitializers: Bool { model.graph.unknownFields.data.first == 15 << 3 | 2 }

    /// Decodes a constant, from the model or from external data.
    /// - Throws: ``ONNXError`` with code `invalidTensor`, `unreadable` or `unsupported`, naming the
    ///   tensor.
    package func decode(_ proto: Onnx_TensorProto) throws(ONNXError) -> ONNXTensor {
        guard proto.dataLocation == .external else {
            return try ONNXTensor(proto, external: nil)
        }
        let type = try proto.elementType()
        let (expected, overflow) = try proto.extents().count
            .multipliedReportingOverflow(by: type.size)
        guard !overflow else {
            throw ONNXError(.invalidTensor, tensor: proto.name, "is impossibly large.")
        }
        let data = try ExternalData(proto)
            .read(directory: directory, expected: expected, tensor: proto.name)
        return try ONNXTensor(proto, external: data)
    }
}

extension ONNXError {
    /// The same error with the file's path, if none is set yet.
    package func located(in path: String) -> ONNXError {
        var error = self
        if error.file.isEmpty { error.file = path }
        return error
    }
}
