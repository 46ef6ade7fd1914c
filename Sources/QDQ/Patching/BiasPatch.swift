// SPDX-License-Identifier: Apache-2.0

package import Quantization
package import Storage

/// What turns one model file into the same with other biases, and back, byte for byte.
///
/// As a file: sealed safetensors with metadata `format`, `model` and `patched` (SHA-256 of the file
/// without and with the patch) and `offsets`, and for edit I two tensors `I/old/NAME` and
/// `I/new/NAME`: int32 or float32 values of a bias, or uint8 for bytes of the file's structure
/// where a bias was added.
package struct BiasPatch: Hashable, Sendable {
    /// SHA-256 of the file without the patch.
    package var model: Digest
    /// SHA-256 of the file with it.
    package var patched: Digest
    /// In ascending order.
    package var edits: [ByteEdit]

    static let format = "counterbias.bias-patch.1"

    /// The patch that gives the network in a file other biases, and the file that has it.
    /// - Parameters:
    ///   - bytes: of the file.
    ///   - file: its path, where data may lie in other files beside it.
    ///   - biases: of all convolutions, in their order in the file.
    /// - Returns: the patch, and the bytes of the file with it.
    /// - Throws: ``QDQError`` where a bias cannot be written.
    package static func create(
        of bytes: [UInt8], file: String? = nil, to biases: BiasState
    ) throws -> (patch: BiasPatch, patched: [UInt8]) {
        try create(of: bytes, edits: try QDQModel.edits(of: bytes, file: file, to: biases))
    }

    /// The same for a network whose file is made here.
    /// - Parameters:
    ///   - network: with the biases the file has without the patch.
    ///   - metadata: of the file: see ``QDQModel/encode(_:metadata:)``.
    ///   - biases: of all convolutions, in the graph's order.
    /// - Returns: the patch, and the bytes of the file with it.
    /// - Throws: ``QDQError`` where the network cannot be written.
    package static func create(
        encoding network: QuantizedNetwork, metadata: [String: String], to biases: BiasState
    ) throws -> (patch: BiasPatch, patched: [UInt8]) {
        let (bytes, edits) = try QDQModel.encode(network, metadata: metadata, editedTo: biases)
        return try create(of: bytes, edits: edits)
    }

    private static func create(
        of bytes: [UInt8], edits: [ByteEdit]
    ) throws -> (patch: BiasPatch, patched: [UInt8]) {
        guard let patched = edits.applied(to: bytes) else {
            preconditionFailure("edits do not fit the file they were made of")
        }
        let patch = BiasPatch(
            model: Digest.sha256(of: bytes), patched: Digest.sha256(of: patched), edits: edits)
        return (patch, patched)
    }

    /// Puts the patch on.
    /// - Throws: ``BiasPatchError`` where the file is another one or has the patch.
    package func apply(to bytes: [UInt8]) throws(BiasPatchError) -> [UInt8] {
        switch Digest.sha256(of: bytes) {
        case model: return try edited(bytes, edits, to: patched)
        case patched: throw BiasPatchError(.alreadyApplied)
        case let found: throw BiasPatchError(.otherModel(found: found.hex, expected: model.hex))
        }
    }

    /// Takes the patch off.
    /// - Throws: ``BiasPatchError`` where the file does not have the patch.
    package func revert(from bytes: [UInt8]) throws(BiasPatchError) -> [UInt8] {
        switch Digest.sha256(of: bytes) {
        case patched: return try edited(bytes, edits.inverted, to: model)
        case model: throw BiasPatchError(.notApplied)
        case let found: throw BiasPatchError(.otherModel(found: found.hex, expected: patched.hex))
        }
    }

    private func edited(
        _ bytes: [UInt8], _ edits: [ByteEdit], to digest: Digest
    ) throws(BiasPatchError) -> [UInt8] {
        guard let result = edits.applied(to: bytes), Digest.sha256(of: result) == digest else {
            throw BiasPatchError(.malformed("its edits do not give the model it names"))
        }
        return result
    }
}

// MARK: - As a file

extension BiasPatch {
    /// The patch as tensors and metadata, in the form that ``init(decoding:file:)`` reads.
    package func file() throws -> SafetensorsFile {
        var file = SafetensorsFile(metadata: [
            "format": Self.format, "model": model.hex, "patched": patched.hex,
            "offsets": edits.map { "\($0.offset)" }.joined(separator: ","),
        ])
        for (index, edit) in edits.enumerated() {
            let type = edit.elements.tensorType
            for (side, bytes) in [("old", edit.old), ("new", edit.new)] {
                try bytes.withUnsafeBytes {
                    try file.add(
                        "\(index)/\(side)/\(edit.name)", type: type,
                        shape: [bytes.count / (type == .uint8 ? 1 : 4)], bytes: $0)
                }
            }
        }
        return file
    }

    /// - Parameters:
    ///   - bytes: of a patch file; any are safe to pass.
    ///   - name: path of the file, for errors.
    /// - Throws: `SafetensorsError` where the file is damaged, ``BiasPatchError`` where it is none.
    package init(decoding bytes: [UInt8], file name: String? = nil) throws {
        let file = try SafetensorsFile(sealed: bytes, file: name)
        func fail(_ detail: String) -> BiasPatchError {
            var error = BiasPatchError(.malformed(detail))
            error.patch = name
            return error
        }
        guard file.metadata["format"] == Self.format else { throw fail("it is no bias patch") }
        guard let model = Digest(hex: file.metadata["model"] ?? ""),
            let patched = Digest(hex: file.metadata["patched"] ?? "")
        else { throw fail("it names no model") }
        let offsets = (file.metadata["offsets"] ?? "").split(separator: ",")
        guard file.tensors.count == 2 * offsets.count else {
            throw fail("it has \(file.tensors.count) tensors for \(offsets.count) edits")
        }
        self.model = model
        self.patched = patched
        edits = []
        for (index, offset) in offsets.enumerated() {
            let old = file.tensors.first { $0.name.hasPrefix("\(index)/old/") }
            let prefix = "\(index)/new/"
            let new = file.tensors.first { $0.name.hasPrefix(prefix) }
            guard let offset = Int(offset), offset >= 0, let old, let new, old.type == new.type,
                let elements = ByteEdit.Elements(new.type)
            else { throw fail("edit \(index) cannot be read") }
            edits.append(
                ByteEdit(
                    name: String(new.name.dropFirst(prefix.count)), elements: elements,
                    offset: offset, old: try file.bytes(old.name), new: try file.bytes(new.name)))
        }
    }
}

extension ByteEdit.Elements {
    fileprivate var tensorType: TensorType {
        switch self {
        case .int32: .int32
        case .float: .float
        case .structure: .uint8
        }
    }

    fileprivate init?(_ type: TensorType) {
        switch type {
        case .int32: self = .int32
        case .float: self = .float
        case .uint8: self = .structure
        default: return nil
        }
    }
}
