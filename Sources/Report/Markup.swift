// SPDX-License-Identifier: Apache-2.0

/// A piece of HTML or SVG. What is interpolated into it as text is escaped; only markup goes in as
/// it is.
package struct Markup: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// Escaped already.
    package private(set) var text: String

    /// Takes a literal as markup.
    package init(stringLiteral value: String) { text = value }
    /// Takes what was interpolated, escaped where it is text.
    package init(stringInterpolation: Interpolation) { text = stringInterpolation.text }
    /// Takes text that may hold anything, and escapes it.
    package init(escaping value: String) { text = Self.escape(value) }

    /// Collects the pieces of an interpolated literal; the type of each decides whether it is
    /// escaped.
    package struct Interpolation: StringInterpolationProtocol {
        var text = ""

        /// Makes room; the counts are the compiler's.
        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + 16 * interpolationCount)
        }
        /// Markup, as it is.
        package mutating func appendLiteral(_ literal: String) { text += literal }
        /// Text, escaped.
        package mutating func appendInterpolation(_ value: String) { text += Markup.escape(value) }
        /// A whole number in decimal digits.
        package mutating func appendInterpolation(_ value: Int) { text += "\(value)" }
        /// A coordinate.
        package mutating func appendInterpolation(_ value: Double) {
            text += NumberText.coordinate(value)
        }
        /// Markup, as it is.
        package mutating func appendInterpolation(_ value: Markup) { text += value.text }
        /// Pieces of markup, one behind the other.
        package mutating func appendInterpolation(_ values: [Markup]) {
            for value in values { text += value.text }
        }
    }

    static func + (left: Markup, right: Markup) -> Markup { "\(left)\(right)" }

    /// For element content and quoted attributes. Control characters, which no XML may hold, become
    /// U+FFFD.
    private static func escape(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n": result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}":
                result += "\u{FFFD}"
            // Directions of text that would run on into the page.
            case "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
