// SPDX-License-Identifier: Apache-2.0

import Foundation
import PrintableText

/// JSON as it is written for programs and, by way of logs, for people.
enum JSONText {
    /// The same JSON with escapes where the encoder leaves what steers a terminal or turns the
    /// writing direction: such scalars stand only in strings.
    static func safe(_ encoded: Data) -> String {
        var result = String.UnicodeScalarView()
        for scalar in String(decoding: encoded, as: UTF8.self).unicodeScalars {
            // Line feeds are the encoder's own: those of strings are escaped.
            if PrintableText.isEscaped(scalar), scalar != "\n" {
                let digits = String(scalar.value, radix: 16)
                let escape = "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                result.append(contentsOf: escape.unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }
}
