// SPDX-License-Identifier: Apache-2.0

import CZeroMQ

/// Z85 (ZeroMQ RFC 32), four bytes as five printable characters, by libzmq.
enum Z85 {
    /// - Parameter bytes: a multiple of four.
    /// - Returns: five characters for every four bytes.
    static func encode(_ bytes: [UInt8]) -> String {
        precondition(bytes.count.isMultiple(of: 4), "Z85 encodes groups of four bytes")
        var text = [CChar](repeating: 0, count: bytes.count / 4 * 5 + 1)
        guard zmq_z85_encode(&text, bytes, bytes.count) != nil else {
            preconditionFailure("whole groups always have a text")
        }
        return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Nil if the length is no multiple of five, a character is outside the alphabet or a group
    /// exceeds 32 bits.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let characters = text.utf8.map { CChar(bitPattern: $0) }
        // libzmq takes a text up to its first zero, and no empty one.
        guard characters.count.isMultiple(of: 5), !characters.contains(0) else { return nil }
        guard !characters.isEmpty else { return [] }
        var bytes = [UInt8](repeating: 0, count: characters.count / 5 * 4)
        return zmq_z85_decode(&bytes, characters + [0]) == nil ? nil : bytes
    }
}
