// SPDX-License-Identifier: Apache-2.0

import Yams

/// What values a key takes: how one is read from YAML, which are valid, how one is shown.
struct Rule<Value: Sendable>: Sendable {
    /// Completes the sentence "expected …".
    let expected: String
    /// Nil for a node of another type.
    let parse: @Sendable (Node) -> Value?
    let isValid: @Sendable (Value) -> Bool
    let text: @Sendable (Value) -> String
}

extension Rule where Value == String {
    static let path = Rule(
        expected: "a path",
        parse: { $0.isNull ? nil : $0.scalar?.string },
        isValid: { !$0.isEmpty && !$0.utf8.contains(0) },
        text: { $0 })

    static let endpoint = Rule(
        expected: "tcp://HOST:PORT or ipc://PATH",
        parse: { $0.scalar?.string },
        isValid: isEndpoint,
        text: { $0 })

    private static func isEndpoint(_ text: String) -> Bool {
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { return false }
        if text.hasPrefix("ipc://") {
            // What fits into a socket address, with its terminating zero.
            return (1...107).contains(text.dropFirst(6).utf8.count)
        }
        guard text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":") else { return false }
        let digits = text[text.index(after: colon)...]
        guard colon > text.index(text.startIndex, offsetBy: 6) else { return false }
        // Any free port, as is 0; the log names it.
        if digits == "*" { return true }
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(digits) else {
            return false
        }
        return (0...65535).contains(port)
    }
}

extension Rule where Value == Bool {
    static let boolean = Rule(
        expected: "true or false",
        parse: { node in node.plainText.flatMap { Bool($0) } },
        isValid: { _ in true },
        text: { String($0) })
}

extension Rule where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Rule {
        Rule(
            expected: "an integer from \(range.lowerBound) to \(range.upperBound)",
            parse: { $0.plainText.flatMap { Int($0) } },
            isValid: { range.contains($0) },
            text: { String($0) })
    }
}

extension Rule where Value == Double {
    static func number(
        _ expected: String, _ isValid: @escaping @Sendable (Double) -> Bool
    ) -> Rule {
        Rule(
            expected: expected, parse: { $0.decimal }, isValid: { $0.isFinite && isValid($0) },
            text: shortest)
    }
}

extension Rule where Value == [Double] {
    /// One number, or a list of one per channel.
    static func perChannel(
        _ kind: String, _ isValid: @escaping @Sendable (Double) -> Bool
    ) -> Rule {
        Rule(
            expected: "one \(kind) or a list of one per channel",
            parse: { node in
                if let number = node.decimal { return [number] }
                guard let items = node.sequence, items.count <= largestChannelCount else {
                    return nil
                }
                let numbers = items.compactMap(\.decimal)
                return numbers.count == items.count ? numbers : nil
            },
            isValid: { values in
                (1...largestChannelCount).contains(values.count)
                    && values.allSatisfy { $0.isFinite && isValid($0) }
            },
            text: { "[" + $0.map(shortest).joined(separator: ", ") + "]" })
    }
}

extension Rule
where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: Rule {
        Rule(
            expected: alternatives(Value.allCases.map(\.rawValue)),
            parse: { node in node.scalar.flatMap { Value(rawValue: $0.string) } },
            isValid: { _ in true },
            text: { $0.rawValue })
    }
}

extension Rule where Value == CorrectionMethods {
    static let methods = Rule(
        expected: alternatives(
            ["none"] + CorrectionMethod.allCases.map(\.rawValue)
                + [CorrectionMethod.allCases.map(\.rawValue).joined(separator: ",")]),
        parse: { node in node.scalar.flatMap { CorrectionMethods($0.string) } },
        isValid: { _ in true },
        text: { $0.description })
}

/// `a`, `a or b`, `a, b or c`.
func alternatives(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " or " + last
}

/// The shortest decimal text of `value`, without a fraction of zero.
func shortest(_ value: Double) -> String {
    let text = String(value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
