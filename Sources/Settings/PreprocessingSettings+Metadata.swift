// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Preprocessing as a model's metadata carries it: one entry with the section `preprocessing` of a
/// configuration file as a JSON object with sorted keys, every value resolved.
extension PreprocessingSettings {
    /// Key of the entry in `metadata_props`.
    package static let metadataKey = "counterbias.preprocessing"

    /// Longest entry that is read, in bytes.
    static let metadataLimit = 1 << 16

    /// Text of the entry; equal settings give equal text.
    package var metadata: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else {
            preconditionFailure("numbers of settings are finite")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Reads an entry; keys that it lacks have their defaults.
    /// - Parameters:
    ///   - metadata: text of the entry.
    ///   - file: the model's path, for errors.
    /// - Returns: the settings, and which of them the entry gives.
    /// - Throws: `SettingsError` naming file and key.
    package static func reading(
        metadata: String, file: String
    ) throws(SettingsError) -> (settings: PreprocessingSettings, origin: PreprocessingOrigin) {
        let file = "\(file) (metadata entry \(metadataKey))"
        guard metadata.utf8.count <= metadataLimit else {
            throw SettingsError(
                .unreadable("it is larger than \(metadataLimit) bytes"), file: file)
        }
        let given = try PartialConfiguration(yaml: "preprocessing: \(metadata)", file: file)
        if let other = Schema.fields.first(where: {
            $0.isGiven(given) && !$0.key.hasPrefix("preprocessing.")
        }) {
            throw SettingsError(.conflict("is no key of preprocessing"), key: other.key, file: file)
        }
        let settings = try PreprocessingSettings(
            PartialConfiguration.defaults.merging(flags: given))
        return (settings, PreprocessingOrigin(giving: given, source: PreprocessingOrigin.model))
    }
}
