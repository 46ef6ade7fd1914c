// SPDX-License-Identifier: Apache-2.0

/// Z85 (ZeroMQ RFC 32): four bytes as five printable characters.
enum Z85 {
    private static let alphabet = Array(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8
    )

    /// Value of each character; 255 for characters outside the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() {
            values[Int(character)] = UInt8(value)
        }
        return values
    }()

    /// - Parameter bytes: a multiple of four.
    /// - Returns: five characters for every four bytes.
    static func encode(_ bytes: [UInt8]) -> String {
        precondition(bytes.count.isMultiple(of: 4), "Z85 encodes groups of four bytes")
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 4) {
            var group = bytes[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            var characters: [UInt8] = []
            for _ in 0..<5 {
                characters.append(alphabet[Int(group % 85)])
                group /= 85
            }
            text += characters.reversed()
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil if the length is no multiple of five, a character is outside the alphabet or a group
    /// exceeds 32 bits.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count.isMultiple(of: 5) else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: characters.count, by: 5) {
            var group: UInt64 = 0
            for character in characters[start..<(start + 5)] {
                let value = values[Int(character)]
                guard value != 255 else { return nil }
                group = group * 85 + UInt64(value)
            }
            guard group <= UInt64(UInt32.max) else { return nil }
            for shift in [24, 16, 8, 0] {
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt64(shift)))
            }
        }
        return bytes
    }
}
