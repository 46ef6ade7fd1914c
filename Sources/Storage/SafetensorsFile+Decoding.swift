// SPDX-License-Identifier: Apache-2.0

extension SafetensorsFile {
    /// Decodes a whole file. Everything is validated before any tensor is accepted: lengths,
    /// JSON, names, types, sizes without overflow, and that the tensors fill the data exactly.
    /// - Parameters:
    ///   - bytes: the file's content; kept, not copied.
    ///   - file: its path or other name, for errors only.
    /// - Throws: `SafetensorsError` naming file and tensor.
    package init(decoding bytes: [UInt8], file: String? = nil) throws(SafetensorsError) {
        do throws(SafetensorsError) {
            self = try Self.decode(bytes)
        } catch {
            throw file.map(error.inFile) ?? error
        }
    }

    private static func decode(_ bytes: [UInt8]) throws(SafetensorsError) -> SafetensorsFile {
        let dataStart = try headerEnd(of: bytes)
        var parser = SafetensorsHeaderParser(bytes: bytes, range: 8..<dataStart)
        let header = try parser.parse()

        let available = bytes.count - dataStart
        var expected = 0
        var tensors: [Tensor] = []
        tensors.reserveCapacity(header.entries.count)
        for entry in header.entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            let tensor = try validate(entry, expected: expected, available: available)
            tensors.append(
                Tensor(
                    name: entry.name, type: tensor, shape: entry.shape,
                    range: dataStart + entry.begin..<dataStart + entry.end))
            expected = entry.end
        }
        guard expected == available else {
            throw SafetensorsError(.trailingBytes(available - expected))
        }
        return SafetensorsFile(tensors: tensors, metadata: header.metadata, storage: bytes)
    }

    /// Where the header ends and the data begins.
    static func headerEnd(of bytes: [UInt8]) throws(SafetensorsError) -> Int {
        guard bytes.count >= 8 else { throw SafetensorsError(.tooShort(bytes: bytes.count)) }
        let length = bytes.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))
        }
        let available = min(bytes.count - 8, maximumHeader)
        guard length <= UInt64(available) else {
            throw SafetensorsError(.headerLength(length, available: available))
        }
        return 8 + Int(length)
    }

    private static func validate(
        _ entry: SafetensorsHeaderParser.Entry, expected: Int, available: Int
    ) throws(SafetensorsError) -> TensorType {
        guard let type = TensorType(rawValue: entry.type) else {
            throw SafetensorsError(.unsupportedType(entry.type), tensor: entry.name)
        }
        guard entry.begin == expected else {
            throw SafetensorsError(
                .notContiguous(expected: expected, found: entry.begin), tensor: entry.name)
        }
        guard entry.end <= available else {
            throw SafetensorsError(
                .outOfBounds(end: entry.end, available: available), tensor: entry.name)
        }
        // Both are at least 0, so the difference cannot overflow.
        let count = entry.end - entry.begin
        guard count >= 0, type.byteCount(shape: entry.shape) == count else {
            throw SafetensorsError(
                .sizeMismatch(shape: entry.shape, type: type.rawValue, bytes: count),
                tensor: entry.name)
        }
        return type
    }
}
