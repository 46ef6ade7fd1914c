// SPDX-License-Identifier: Apache-2.0

import QDQ
import Storage

/// An 8-bit model as an ONNX file in QDQ format.
public struct QuantizedModel: Sendable {
    /// The file's content; what `calibrate` writes as `model.int8.onnx`, byte for byte.
    public let bytes: [UInt8]
    /// What to check of the inputs and the result, one sentence each; empty for models read from a
    /// file.
    public let warnings: [String]
    let contents: QDQModel.Contents
    let name: String

    init(bytes: [UInt8], warnings: [String]) throws {
        self.bytes = bytes
        self.warnings = warnings
        name = "8-bit model"
        contents = try QDQModel.decode(bytes)
    }

    /// Reads a model that this or another tool wrote.
    /// - Parameter path: of the file.
    /// - Throws: ``CounterbiasError`` naming the node that cannot be run.
    public init(contentsOf path: String) throws(CounterbiasError) {
        name = path
        warnings = []
        (bytes, contents) = try mappingErrors {
            (try QDQModel.bytes(of: path), try QDQModel.read(path: path))
        }
    }

    /// Writes the file, durably and at once: there is never half of it. Data that a model read from
    /// a file keeps in others are not copied.
    /// - Parameter path: in a folder that exists.
    /// - Throws: ``CounterbiasError`` with kind `output`.
    public func write(to path: String) throws(CounterbiasError) {
        try mappingErrors { try AtomicFile.write(bytes, to: path) }
    }
}
