// SPDX-License-Identifier: Apache-2.0

import PrintableText

/// What is wrong with a configuration, and where.
package struct SettingsError: Error, Equatable, Sendable {
    /// What is wrong; the description says it in a sentence.
    package enum Code: Equatable, Sendable {
        /// The file cannot be read.
        case unreadable(String)
        /// The file is not YAML.
        case syntax(String)
        /// `suggestion` is the nearest key there is, if any is near.
        case unknownKey(suggestion: String?, valid: [String])
        case duplicateKey
        /// A value of the wrong type or out of range.
        case invalidValue(String, expected: String)
        /// A key without a default was given nowhere.
        case missing
        /// Values that are valid alone but not together.
        case conflict(String)
    }

    /// For tests and for callers that act on it; the description is for people.
    package let code: Code
    /// Dotted path of the key concerned.
    package let key: String?
    /// The configuration file; nil if the value came from elsewhere or is missing.
    package let file: String?
    /// Line in `file`, from 1.
    package let line: Int?

    init(_ code: Code, key: String? = nil, file: String? = nil, line: Int? = nil) {
        self.code = code
        self.key = key
        self.file = file
        self.line = line
    }
}

extension SettingsError: CustomStringConvertible {
    package var description: String {
        var place = file ?? "configuration"
        if let line { place += ":\(line)" }
        return ([place, key?.printable(), problem].compactMap { $0 }).joined(separator: ": ")
            .printable(bytes: PrintableText.lineBytes)
    }

    private var problem: String {
        switch code {
        case .unreadable(let reason): "cannot read the file: \(reason)"
        case .syntax(let detail): "not valid YAML: \(detail)"
        case .unknownKey(let suggestion?, _): "unknown key; did you mean '\(suggestion)'?"
        case .unknownKey(nil, let valid):
            "unknown key; valid here: \(valid.joined(separator: ", "))"
        case .duplicateKey: "given more than once"
        case .invalidValue(let value, let expected):
            "'\(value.printable())' is not valid; expected \(expected)"
        case .missing:
            "missing; set it in the configuration file or with --\(key ?? "")"
        case .conflict(let detail): detail
        }
    }
}
