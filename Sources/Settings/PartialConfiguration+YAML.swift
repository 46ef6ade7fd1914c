// SPDX-License-Identifier: Apache-2.0

import Yams

extension PartialConfiguration {
    /// Decodes a configuration file. JSON, being YAML, is accepted too.
    /// - Parameters:
    ///   - yaml: the text of the file, with or without a byte order mark; empty text gives no key.
    ///   - file: its path, for errors.
    /// - Throws: `SettingsError` naming file, line and key.
    package init(yaml: String, file: String) throws(SettingsError) {
        self.init()
        let isMarked = yaml.unicodeScalars.first == "\u{FEFF}"
        let text = isMarked ? String(yaml.unicodeScalars.dropFirst()) : yaml
        guard let root = try composed(text, file: file), !root.isNull else { return }
        guard let mapping = root.mapping else {
            throw SettingsError(
                .syntax("expected keys and values at the top level"), file: file,
                line: root.mark?.line)
        }
        try read(mapping, section: nil, file: file)
    }

    private mutating func read(
        _ mapping: Node.Mapping, section: String?, file: String
    ) throws(SettingsError) {
        for (keyNode, value) in mapping {
            let name = keyNode.excerpt
            let key = section.map { "\($0).\(name)" } ?? name
            let line = value.mark?.line ?? keyNode.mark?.line
            if let field = Schema.fieldsByKey[key] {
                guard field.read(value, &self) else {
                    throw SettingsError(
                        .invalidValue(value.excerpt, expected: field.expected), key: key,
                        file: file, line: line)
                }
            } else if section == nil, Schema.isSection(key) {
                if value.isNull { continue }
                guard let inner = value.mapping else {
                    let names = Schema.keys(in: key).map { String($0.dropFirst(key.count + 1)) }
                    throw SettingsError(
                        .invalidValue(
                            value.excerpt,
                            expected: "a mapping of \(names.joined(separator: ", "))"),
                        key: key, file: file, line: line)
                }
                try read(inner, section: key, file: file)
            } else {
                throw SettingsError(
                    .unknownKey(
                        suggestion: Schema.suggestion(for: name, in: section),
                        valid: Schema.keys(in: section)),
                    key: key, file: file, line: keyNode.mark?.line)
            }
        }
    }
}

/// The document's root; nil for a file without content.
private func composed(_ yaml: String, file: String) throws(SettingsError) -> Node? {
    do {
        return try Yams.compose(yaml: yaml)
    } catch let error as YamlError {
        switch error {
        case .duplicatedKeysInMapping(let keys, let context):
            throw SettingsError(
                .duplicateKey, key: keys.joined(separator: ", "), file: file,
                line: context.mark.line)
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            throw SettingsError(.syntax(problem), file: file, line: mark.line)
        case .reader(let problem, _, _, _):
            throw SettingsError(.syntax(problem), file: file)
        default: throw SettingsError(.syntax("\(error)"), file: file)
        }
    } catch {
        throw SettingsError(.syntax("\(error)"), file: file)
    }
}
