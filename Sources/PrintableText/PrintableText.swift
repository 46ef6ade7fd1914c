// SPDX-License-Identifier: Apache-2.0

/// Text from outside (peers, files, file names), made safe to show: it cannot end a line, steer a
/// terminal or turn the direction of what stands around it, and its length is bounded.
package enum PrintableText {
    /// Most bytes of a name: file names have no more, host names fewer.
    package static let nameBytes = 255
    /// Most bytes of a line or of one value in it.
    package static let lineBytes = 4_096

    /// Stands for what was cut off.
    static let ellipsis: Unicode.Scalar = "…"

    /// Whether a scalar is shown as its number: C0, DEL and C1, line separators, and whatever sets
    /// the writing direction.
    package static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20..<0x7F: false
        case 0..<0x20, 0x7F..<0xA0, 0x61C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension StringProtocol {
    /// Makes a text from outside safe to show.
    /// - Parameter limit: most bytes of the result in UTF-8, at least 3.
    /// - Returns: this text with `\u{1B}` for an escape character and the like, and "…" in place of
    ///   an end that would be too much; what was printable and short comes back as it is.
    package func printable(bytes limit: Int = PrintableText.nameBytes) -> String {
        shortened(to: limit) { scalar in
            PrintableText.isEscaped(scalar)
                ? "\\u{\(String(scalar.value, radix: 16, uppercase: true))}" : nil
        }
    }

    /// Bounds a text's length.
    /// - Parameter limit: most bytes of the result in UTF-8, at least 3.
    /// - Returns: this text, with "…" in place of an end that would be too much.
    package func cut(bytes limit: Int) -> String { shortened(to: limit) { _ in nil } }

    /// Looks at no more of the text than the result holds.
    private func shortened(to limit: Int, _ replacement: (Unicode.Scalar) -> String?) -> String {
        var (result, bytes) = (String.UnicodeScalarView(), 0)
        // The longest beginning that leaves room for the ellipsis.
        var beginning = result.endIndex
        for scalar in unicodeScalars {
            let piece = replacement(scalar).map { Array($0.unicodeScalars) } ?? [scalar]
            let size = piece.reduce(0) { $0 + UTF8.width($1) }
            guard bytes + size <= limit else {
                return String(result[..<beginning]) + String(PrintableText.ellipsis)
            }
            result.append(contentsOf: piece)
            bytes += size
            if bytes + UTF8.width(PrintableText.ellipsis) <= limit { beginning = result.endIndex }
        }
        return String(result)
    }
}
