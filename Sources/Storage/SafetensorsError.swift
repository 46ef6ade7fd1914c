// SPDX-License-Identifier: Apache-2.0

import PrintableText

/// Why bytes are not an acceptable safetensors file, or why a tensor is not what was asked for.
package struct SafetensorsError: Error, Equatable, Sendable {
    /// What is wrong; the description says it in a sentence.
    package enum Code: Equatable, Sendable {
        /// Fewer bytes than the 8 that hold the header's length.
        case tooShort(bytes: Int)
        /// The header's length exceeds the file or the format's 100 MB.
        case headerLength(UInt64, available: Int)
        /// The header is not the JSON the format asks for.
        case malformedHeader(byte: Int, detail: String)
        /// A key of the JSON that is there already, or a tensor's name.
        case duplicateKey(String)
        /// A field of a tensor's entry that the format does not have.
        case unknownField(String)
        /// A field of a tensor's entry that the format demands.
        case missingField(String)
        /// An element type that is not read here.
        case unsupportedType(String)
        /// `shape` times the element size exceeds 2^63 - 1 bytes, or is not the byte count given.
        case sizeMismatch(shape: [Int], type: String, bytes: Int)
        /// The tensor does not start where the one before it ends.
        case notContiguous(expected: Int, found: Int)
        /// A tensor ends behind the file.
        case outOfBounds(end: Int, available: Int)
        /// Bytes after the last tensor.
        case trailingBytes(Int)
        /// A name that the format reserves.
        case reservedName
        case noSuchTensor
        /// The tensor has another element type than was asked for.
        case wrongType(found: String, expected: String)
        /// The tensor has another shape than was asked for.
        case wrongShape(found: [Int], expected: [Int])
        /// The file carries no digest of its content, or not in the form `sealed()` writes.
        case notSealed
        /// The content is not what was sealed.
        case digestMismatch(recorded: String, actual: String)
    }

    /// For tests and for callers that act on it; the description is for people.
    package let code: Code
    /// Path or other name of the file, if known.
    package var file: String?
    /// The tensor concerned, or nil for the file as a whole.
    package let tensor: String?

    init(_ code: Code, tensor: String? = nil) {
        self.code = code
        self.tensor = tensor
    }

    /// The same error with the file it belongs to.
    package func inFile(_ file: String) -> SafetensorsError {
        var copy = self
        copy.file = file
        return copy
    }
}

extension SafetensorsError: CustomStringConvertible {
    package var description: String {
        let place = [file, tensor.map { "tensor '\($0.printable())'" }].compactMap { $0 }
        return (place + [code.description]).joined(separator: ": ")
    }
}

extension SafetensorsError.Code: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooShort(let bytes):
            "\(bytes) bytes are too few for a safetensors file; it is probably truncated"
        case .headerLength(let length, let available):
            "the header claims \(length) bytes but at most \(available) are possible; "
                + "the file is truncated or not a safetensors file"
        case .malformedHeader(let byte, let detail):
            "malformed header at byte \(byte): \(detail)"
        case .duplicateKey(let key): "'\(key.printable())' appears twice"
        case .unknownField(let field): "unknown field '\(field.printable())'"
        case .missingField(let field): "field '\(field.printable())' is missing"
        case .unsupportedType(let type):
            "element type '\(type.printable())' is not supported; use one of "
                + TensorType.allCases.map(\.rawValue).joined(separator: ", ")
        case .sizeMismatch(let shape, let type, let bytes):
            "shape \(shape) of \(type) does not take \(bytes) bytes"
        case .notContiguous(let expected, let found):
            "data starts at byte \(found) instead of \(expected); gaps and overlaps are not allowed"
        case .outOfBounds(let end, let available):
            "data ends at byte \(end) but the file holds only \(available); it is truncated"
        case .trailingBytes(let count): "\(count) bytes after the last tensor"
        case .reservedName: "the name is reserved by the format; choose another"
        case .noSuchTensor: "there is no such tensor"
        case .wrongType(let found, let expected): "elements are \(found), expected \(expected)"
        case .wrongShape(let found, let expected): "shape is \(found), expected \(expected)"
        case .notSealed: "the file carries no digest of its content; it was not written here"
        case .digestMismatch(let recorded, let actual):
            "content has SHA-256 \(actual) but \(recorded) was recorded; the file is damaged"
        }
    }
}
