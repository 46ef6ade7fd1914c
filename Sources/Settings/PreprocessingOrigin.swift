// SPDX-License-Identifier: Apache-2.0

/// Where the values of the section `preprocessing` come from.
package struct PreprocessingOrigin: Codable, Hashable, Sendable {
    /// By key of the section: `default`, `model metadata` or the path of the configuration file.
    package let sources: [String: String]

    static let standard = "default"
    static let model = "model metadata"

    /// - Parameters:
    ///   - file: what the configuration file says; nil without one.
    ///   - path: of the file.
    package init(file: PartialConfiguration?, path: String?) {
        self.init(giving: file ?? PartialConfiguration(), source: path ?? "")
    }

    init(giving configuration: PartialConfiguration, source: String) {
        let sources = Schema.preprocessing.map { name, field in
            (name, field.isGiven(configuration) ? source : Self.standard)
        }
        self.sources = Dictionary(uniqueKeysWithValues: sources)
    }

    /// Whether anything was given.
    package var isGiven: Bool { sources.values.contains { $0 != Self.standard } }

    /// Whether a key of the section was given.
    package func isGiven(_ key: String) -> Bool { sources[key] != Self.standard }
}

extension PreprocessingOrigin: CustomStringConvertible {
    /// The file or `model metadata`, and which of the keys that every model needs are left to their
    /// defaults.
    package var description: String {
        guard let source = sources.values.first(where: { $0 != Self.standard }) else {
            return Self.standard
        }
        let missing = ["resize_short_side", "mean", "std"].filter { !isGiven($0) }
        return missing.isEmpty
            ? source : "\(source); \(Self.standard): \(missing.joined(separator: ", "))"
    }
}

extension Schema {
    /// Keys of the section without its name, in order.
    static let preprocessing: [(name: String, field: Field)] = {
        let prefix = "preprocessing."
        return fields.filter { $0.key.hasPrefix(prefix) }.map {
            (String($0.key.dropFirst(prefix.count)), $0)
        }
    }()
}
