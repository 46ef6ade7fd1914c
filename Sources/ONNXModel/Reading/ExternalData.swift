// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// Where a tensor's elements lie in another file (`TensorProto.external_data`).
package struct ExternalData: Hashable, Sendable {
    /// Path relative to the model's directory.
    package var location: String
    var offset: UInt64
    /// Bytes; nil for all up to the end of the file.
    var length: Int?

    /// Where the data of `proto` lies; nothing is opened.
    /// - Throws: ``ONNXError`` with code `invalidTensor` where its entries name no place.
    package init(_ proto: Onnx_TensorProto) throws(ONNXError) {
        func invalid(_ detail: String) -> ONNXError {
            ONNXError(.invalidTensor, tensor: proto.name, detail)
        }
        var entries: [String: String] = [:]
        for entry in proto.externalData {
            guard entries.updateValue(entry.value, forKey: entry.key) == nil else {
                throw invalid("gives \(printable(entry.key)) of its external data twice.")
            }
        }
        guard let location = entries["location"], !location.isEmpty else {
            throw invalid("has external data without a location.")
        }
        self.location = location
        guard let offset = Int(entries["offset"] ?? "0"), offset >= 0 else {
            throw invalid("has an invalid offset of external data.")
        }
        self.offset = UInt64(offset)
        if let text = entries["length"] {
            guard let length = Int(text), length >= 0 else {
                throw invalid("has an invalid length of external data.")
            }
            self.length = length
        }
    }

    /// Reads the bytes of `tensor`.
    ///
    /// Files outside the model's directory are refused, also through links, so that a model from
    /// elsewhere cannot make other files part of a result.
    ///
    /// - Parameters:
    ///   - directory: the model's.
    ///   - expected: number of bytes that the tensor needs.
    ///   - tensor: its name, for messages.
    /// - Returns: `expected` bytes.
    /// - Throws: ``ONNXError`` with code `invalidTensor` or `unreadable`.
    package func read(directory: URL, expected: Int, tensor: String) throws(ONNXError) -> Data {
        func failure(_ code: ONNXError.Code, _ detail: String) -> ONNXError {
            ONNXError(
                code, tensor: tensor, "external data \(printable(location)): \(detail)")
        }
        guard !location.utf8.contains(0) else { throw failure(.invalidTensor, "not a path.") }
        let components = location.split(separator: "/", omittingEmptySubsequences: false)
        let root = directory.resolvingSymlinksInPath().standardizedFileURL.pathComponents
        let file = directory.appendingPathComponent(location)
        let target = file.resolvingSymlinksInPath().standardizedFileURL
        guard !location.hasPrefix("/"), !components.contains(".."),
            target.pathComponents.starts(with: root), target.pathComponents.count > root.count
        else {
            throw failure(.invalidTensor, "must be a file inside the model's directory.")
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: target.path)
        guard let attributes, attributes[.type] as? FileAttributeType == .typeRegular,
            let size = (attributes[.size] as? NSNumber)?.uint64Value
        else { throw failure(.unreadable, "no such file.") }
        let length = self.length.map(UInt64.init) ?? (size >= offset ? size - offset : 0)
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, end <= size else {
            throw failure(
                .invalidTensor,
                "bytes \(offset)..<\(overflow ? .max : end) lie beyond its end at \(size).")
        }
        guard length == UInt64(expected) else {
            throw failure(.invalidTensor, "has \(length) bytes where \(expected) are needed.")
        }
        guard expected > 0 else { return Data() }
        do {
            let handle = try FileHandle(forReadingFrom: target)
            defer { try? handle.close() }
            try handle.seek(toOffset: offset)
            let data = try handle.read(upToCount: expected) ?? Data()
            guard data.count == expected else {
                throw failure(.unreadable, "ended early; was it changed meanwhile?")
            }
            return data
        } catch let error as ONNXError {
            throw error
        } catch {
            throw failure(.unreadable, error.localizedDescription)
        }
    }
}
