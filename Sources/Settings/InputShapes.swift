// SPDX-License-Identifier: Apache-2.0

import Yams

/// Extents of a model's inputs where its file leaves them open.
package struct InputShapes: Hashable, Sendable {
    /// All extents of an input, the batch's first, by the input's name; each in `1...largest`.
    package private(set) var extents: [String: [Int]]

    private static let largest = 1 << 20

    /// `NAME=1x3x480x640`, several separated by commas; an `=` in a name counts as part of it.
    /// - Returns: nil for any other text.
    package init?(_ text: String) {
        extents = [:]
        for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = entry.lastIndex(of: "=") else { return nil }
            let name = String(entry[..<equals])
            let numbers = entry[entry.index(after: equals)...].split(
                separator: "x", omittingEmptySubsequences: false)
            let shape = numbers.compactMap { Int($0) }
            guard !name.isEmpty, shape.count == numbers.count, shape.count <= 8,
                shape.allSatisfy({ 1...Self.largest ~= $0 }),
                extents.updateValue(shape, forKey: name) == nil
            else { return nil }
        }
    }
}

extension InputShapes: CustomStringConvertible {
    package var description: String {
        extents.sorted { $0.key < $1.key }
            .map { "\($0)=" + $1.map(String.init).joined(separator: "x") }
            .joined(separator: ",")
    }
}

extension InputShapes: Codable {
    /// As text.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let shapes = InputShapes(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected NAME=1x3x480x640")
        }
        self = shapes
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Rule where Value == InputShapes {
    static let inputShapes = Rule(
        expected: "NAME=1x3x480x640, or several separated by commas",
        parse: { $0.scalar.flatMap { InputShapes($0.string) } },
        isValid: { _ in true },
        text: { $0.description })
}
