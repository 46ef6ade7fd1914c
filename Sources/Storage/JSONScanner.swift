// SPDX-License-Identifier: Apache-2.0

/// Tokens of JSON as safetensors headers use it: punctuation, strings, natural numbers.
///
/// Foundation's decoder takes repeated keys and numbers such as `4.0`, and names no byte: it cannot
/// be as strict as the format.
struct JSONScanner {
    private let bytes: [UInt8]
    private let range: Range<Int>
    private var position: Int

    init(bytes: [UInt8], range: Range<Int>) {
        self.bytes = bytes
        self.range = range
        position = range.lowerBound
    }

    func malformed(_ detail: String) -> SafetensorsError {
        SafetensorsError(.malformedHeader(byte: position, detail: detail))
    }

    /// Whether the very first byte is `byte`: the format allows no space before the object.
    func isAtStart(_ byte: UInt8) -> Bool {
        position == range.lowerBound && peek() == byte
    }

    /// Consumes one punctuation mark, and space before it.
    mutating func expect(_ mark: Unicode.Scalar) throws(SafetensorsError) {
        skipSpace()
        guard peek() == UInt8(ascii: mark) else { throw malformed("expected '\(mark)'") }
        position += 1
    }

    /// Consumes what stands before the next item of a list: true if there is an item, false if
    /// the list ends with `close`, which is consumed.
    mutating func nextItem(
        until close: Unicode.Scalar, isFirst: inout Bool
    ) throws(SafetensorsError) -> Bool {
        skipSpace()
        if peek() == UInt8(ascii: close) {
            position += 1
            return false
        }
        if !isFirst { try expect(",") }
        isFirst = false
        return true
    }

    /// Checks that only space is left.
    mutating func expectEnd() throws(SafetensorsError) {
        skipSpace()
        guard position == range.upperBound else { throw malformed("unexpected text at the end") }
    }

    /// A number without sign, fraction, exponent or leading zero, at most `Int.max`.
    mutating func naturalNumber() throws(SafetensorsError) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let digit = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw malformed("number too large") }
            value = sum
            position += 1
        }
        guard position > start else { throw malformed("expected a natural number") }
        guard bytes[start] != UInt8(ascii: "0") || position == start + 1 else {
            throw malformed("leading zero")
        }
        return value
    }

    /// A string with its escapes resolved; must be valid UTF-8.
    mutating func string() throws(SafetensorsError) -> String {
        try expect("\"")
        var content: [UInt8] = []
        while true {
            guard let byte = peek() else { throw malformed("unterminated string") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw malformed("string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try content.append(contentsOf: escape())
            case 0..<0x20: throw malformed("control character in a string")
            default: content.append(byte)
            }
        }
    }

    /// The UTF-8 bytes of the escape whose backslash was consumed.
    private mutating func escape() throws(SafetensorsError) -> [UInt8] {
        guard let letter = peek() else { throw malformed("unterminated string") }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [letter]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var value = try codeUnit()
            if (0xD800..<0xDC00).contains(value) {
                guard peek() == UInt8(ascii: "\\") else { throw malformed("lone surrogate") }
                position += 1
                guard peek() == UInt8(ascii: "u") else { throw malformed("lone surrogate") }
                position += 1
                let low = try codeUnit()
                guard (0xDC00..<0xE000).contains(low) else { throw malformed("lone surrogate") }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { throw malformed("lone surrogate") }
            return Array(String(scalar).utf8)
        default: throw malformed("unknown escape")
        }
    }

    /// Four hexadecimal digits.
    private mutating func codeUnit() throws(SafetensorsError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
                byte < 0x80
            else { throw malformed("expected four hexadecimal digits") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private func peek() -> UInt8? { position < range.upperBound ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            position += 1
        }
    }
}
