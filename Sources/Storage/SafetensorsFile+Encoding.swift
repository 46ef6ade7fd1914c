// SPDX-License-Identifier: Apache-2.0

extension SafetensorsFile {
    /// The file's bytes. Equal content gives equal bytes: tensors are laid out widest element
    /// first, then by name; metadata keys are sorted; the header is padded with spaces to a
    /// multiple of 8 bytes. The `safetensors` Python package writes the same bytes when there is at
    /// most one metadata key (it does not order them).
    package func encoded() -> [UInt8] {
        let ordered = tensors.sorted {
            ($0.type.layoutRank, $0.name.utf8Bytes) < ($1.type.layoutRank, $1.name.utf8Bytes)
        }
        var header = headerText(ordered)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + header.count + storage.count)
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: header)
        storage.withUnsafeBytes { source in
            for tensor in ordered {
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: source[tensor.range]))
            }
        }
        return bytes
    }

    private func headerText(_ ordered: [Tensor]) -> [UInt8] {
        var entries: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key.utf8Bytes < $1.key.utf8Bytes }
                .map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
            entries.append("\"\(Self.metadataKey)\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in ordered {
            let end = offset + tensor.range.count
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(Self.quoted(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\","
                    + "\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        return Array("{\(entries.joined(separator: ","))}".utf8)
    }

    /// `text` as a JSON string with the escapes JSON demands and no others.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Compares strings by their bytes, as other languages do; Swift's own order goes by normal forms.
struct ByteOrder: Comparable {
    let bytes: [UInt8]
    static func < (left: ByteOrder, right: ByteOrder) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

extension String {
    var utf8Bytes: ByteOrder { ByteOrder(bytes: Array(utf8)) }
}
