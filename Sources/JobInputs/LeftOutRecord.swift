// SPDX-License-Identifier: Apache-2.0

package import Imaging

/// What a folder of images holds besides, for `run.json` and `evaluate --json`.
package struct LeftOutRecord: Codable, Sendable {
    /// By kind.
    package var counts: [String: Int]
    /// The first of them by name, so that the record stays small.
    package var files: [LeftOut.Entry]

    private static let limit = 100

    /// With the names of the first 100.
    package init(_ leftOut: LeftOut) {
        counts = Dictionary(
            uniqueKeysWithValues: leftOut.counts.map { ($0.key.rawValue, $0.value) })
        files = Array(leftOut.entries.prefix(Self.limit))
    }
}

extension LeftOut {
    /// Nil where nobody misses anything.
    package func warning(in folder: String) -> String? {
        guard mayHoldImages else { return nil }
        return "\(folder): left out \(summary)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }
}
