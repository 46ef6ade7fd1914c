// SPDX-License-Identifier: Apache-2.0

/// Reads a safetensors header: the small part of JSON that it may use, strictly, without recursion.
struct SafetensorsHeaderParser {
    /// One tensor as the header describes it; only the JSON has been checked.
    struct Entry {
        var name: String
        var type: String
        var shape: [Int]
        var begin: Int
        var end: Int
    }

    struct Header {
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
    }

    var scanner: JSONScanner

    /// Parses the header that lies at `range` in `bytes`.
    init(bytes: [UInt8], range: Range<Int>) {
        scanner = JSONScanner(bytes: bytes, range: range)
    }

    mutating func parse() throws(SafetensorsError) -> Header {
        var header = Header()
        var names: Set<String> = []
        guard scanner.isAtStart(UInt8(ascii: "{")) else {
            throw scanner.malformed("expected '{'")
        }
        try scanner.expect("{")
        var isFirst = true
        while try scanner.nextItem(until: "}", isFirst: &isFirst) {
            let name = try key()
            guard names.insert(name).inserted else {
                throw SafetensorsError(.duplicateKey(name), tensor: name)
            }
            if name == SafetensorsFile.metadataKey {
                header.metadata = try metadata()
            } else {
                header.entries.append(try entry(name))
            }
        }
        try scanner.expectEnd()
        return header
    }

    private mutating func key() throws(SafetensorsError) -> String {
        let key = try scanner.string()
        try scanner.expect(":")
        return key
    }

    private mutating func metadata() throws(SafetensorsError) -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.expect("{")
        var isFirst = true
        while try scanner.nextItem(until: "}", isFirst: &isFirst) {
            let key = try key()
            let value = try scanner.string()
            guard metadata.updateValue(value, forKey: key) == nil else {
                throw SafetensorsError(.duplicateKey(key), tensor: SafetensorsFile.metadataKey)
            }
        }
        return metadata
    }

    private mutating func entry(_ name: String) throws(SafetensorsError) -> Entry {
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.expect("{")
        var isFirst = true
        while try scanner.nextItem(until: "}", isFirst: &isFirst) {
            let field = try key()
            let isRepeated: Bool
            switch field {
            case "dtype":
                isRepeated = type != nil
                type = try scanner.string()
            case "shape":
                isRepeated = shape != nil
                shape = try integers()
            case "data_offsets":
                isRepeated = offsets != nil
                offsets = try integers()
            default: throw SafetensorsError(.unknownField(field), tensor: name)
            }
            if isRepeated { throw SafetensorsError(.duplicateKey(field), tensor: name) }
        }
        guard let type else { throw SafetensorsError(.missingField("dtype"), tensor: name) }
        guard let shape else { throw SafetensorsError(.missingField("shape"), tensor: name) }
        guard let offsets, offsets.count == 2 else {
            throw SafetensorsError(.missingField("data_offsets"), tensor: name)
        }
        return Entry(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    }

    private mutating func integers() throws(SafetensorsError) -> [Int] {
        var values: [Int] = []
        try scanner.expect("[")
        var isFirst = true
        while try scanner.nextItem(until: "]", isFirst: &isFirst) {
            values.append(try scanner.naturalNumber())
        }
        return values
    }
}
