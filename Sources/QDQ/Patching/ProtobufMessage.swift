// SPDX-License-Identifier: Apache-2.0

import ONNXImport

/// Fields of a serialized protobuf message and where they lie: what editing in place needs, and
/// parsing into values loses (protobuf encoding specification).
struct ProtobufMessage {
    struct Field: Hashable {
        var number: Int
        /// 0 varint, 1 64-bit, 2 length-delimited, 5 32-bit.
        var wireType: Int
        /// Begins with the tag.
        var range: Range<Int>
        /// Of the value, length left out.
        var content: Range<Int>
        /// The varint of the length; empty unless length-delimited.
        var length: Range<Int>
    }

    var fields: [Field] = []

    /// - Throws: ``QDQError`` with code `notAModel` where the bytes are no message.
    init(_ bytes: [UInt8], in range: Range<Int>) throws {
        var position = range.lowerBound
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: 0, to: 64, by: 7) {
                guard position < range.upperBound else { break }
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7f) << UInt64(shift)
                if byte < 0x80 { return value }
            }
            throw QDQError(.notAModel, "is no ONNX model (byte \(position))")
        }
        while position < range.upperBound {
            let start = position
            let tag = try varint()
            var length = position..<position
            var size: UInt64
            switch tag & 7 {
            case 0:
                let first = position
                _ = try varint()
                size = UInt64(position - first)
                position = first
            case 1: size = 8
            case 2:
                let first = position
                size = try varint()
                length = first..<position
            case 5: size = 4
            default: throw QDQError(.notAModel, "is no ONNX model (byte \(start))")
            }
            guard size <= UInt64(range.upperBound - position) else {
                throw QDQError(.notAModel, "is no ONNX model (truncated at byte \(start))")
            }
            let content = position..<position + Int(size)
            position = content.upperBound
            fields.append(
                Field(
                    number: Int(tag >> 3), wireType: Int(tag & 7), range: start..<position,
                    content: content, length: length))
        }
    }

    /// Length-delimited fields of a number, in order.
    func all(_ number: Int) -> [Field] { fields.filter { $0.number == number && $0.wireType == 2 } }

    static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = UInt64(bitPattern: Int64(value))
        repeat {
            bytes.append(UInt8(rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }

    /// A length-delimited field.
    static func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(content.count) + content
    }
}
