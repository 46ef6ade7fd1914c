// SPDX-License-Identifier: Apache-2.0

import Yams

extension Node {
    /// The text of an unquoted scalar.
    var plainText: String? {
        guard let scalar, scalar.style == .plain || scalar.style == .any else { return nil }
        return scalar.string
    }

    /// Whether this is YAML's way of saying nothing.
    var isNull: Bool {
        guard let text = plainText else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// A decimal number, also with exponent; not YAML's infinities or other bases.
    var decimal: Double? {
        guard let text = plainText,
            text.utf8.allSatisfy({ (48...57).contains($0) || "+-.eE".utf8.contains($0) })
        else { return nil }
        return Double(text)
    }

    /// The value for a message, abbreviated.
    var excerpt: String {
        switch self {
        case .scalar(let scalar):
            scalar.string.count <= 60 ? scalar.string : scalar.string.prefix(60) + "…"
        case .sequence(let items):
            items.count <= 8 && items.allSatisfy { $0.scalar != nil }
                ? "[" + items.map(\.excerpt).joined(separator: ", ") + "]" : "a list"
        case .mapping: "a mapping"
        case .alias: "an alias"
        }
    }
}
