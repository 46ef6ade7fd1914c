// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// Every key with its value as text, in the order of the documentation.
    package var keyValues: [(key: String, value: String)] {
        let partial = PartialConfiguration(self)
        return Schema.fields.map { ($0.key, $0.text(partial)) }
    }

    /// One line `key: value` per key, in the order of the documentation, for the log.
    package func describe() -> String {
        keyValues.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
    }
}
