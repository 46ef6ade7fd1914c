// SPDX-License-Identifier: Apache-2.0

import PrintableText
import TestSupport
import Testing

@Suite struct PrintableTextTests {
    @Test(arguments: [
        ("", ""), ("rack-1", "rack-1"), ("höst 漢🙂", "höst 漢🙂"), ("a\\u{1B}", "a\\u{1B}"),
        ("a\nb\r", "a\\u{A}b\\u{D}"), ("\u{1B}[2J", "\\u{1B}[2J"), ("\u{0}\u{7F}", "\\u{0}\\u{7F}"),
        ("\u{9B}31m\u{85}", "\\u{9B}31m\\u{85}"), ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
        ("\u{202E}gpj\u{2069}", "\\u{202E}gpj\\u{2069}"), ("\u{200F}\u{61C}", "\\u{200F}\\u{61C}"),
        ("\r\n", "\\u{D}\\u{A}"),
    ])
    func controlsAreNumbers(text: String, printed: String) {
        #expect(text.printable() == printed)
        #expect(printed.printable() == printed, "said twice")
    }

    @Test func namesAreCut() {
        let name = String(repeating: "a", count: 255)
        #expect(name.printable() == name)
        #expect((name + "b").printable() == String(repeating: "a", count: 252) + "…")
        #expect("漢字漢字".printable(bytes: 11) == "漢字…")
        #expect("漢字漢字".printable(bytes: 12) == "漢字漢字")
        #expect("ab\n".printable(bytes: 6) == "ab…", "no half of an escape")
        #expect("ab\n".cut(bytes: 6) == "ab\n")
        #expect("abcdef".cut(bytes: 5) == "ab…")
    }

    /// Nothing that is escaped is left, no result is too long, and nothing is lost where all of it
    /// fits.
    @Test func anyTextIsSafeAndShort() {
        var generator = SeededGenerator(seed: TestSeed.value)
        let scalars: [Unicode.Scalar] = [
            "a", "\n", "\r", "\u{1B}", "\u{9B}", "ß", "漢", "🙂", "\u{202E}", "\u{301}", "\\", "…",
        ]
        for _ in 0..<2_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...40, using: &generator) {
                text.append(scalars.randomElement(using: &generator) ?? "a")
            }
            let limit = Int.random(in: 3...100, using: &generator)
            let printed = String(text).printable(bytes: limit)
            #expect(printed.utf8.count <= limit, "\(text)")
            #expect(!printed.unicodeScalars.contains(where: PrintableText.isEscaped), "\(text)")
            let cut = String(text).cut(bytes: limit)
            #expect(cut.utf8.count <= limit, "\(text)")
            if String(text).utf8.count <= limit { #expect(cut == String(text)) }
        }
    }
}
