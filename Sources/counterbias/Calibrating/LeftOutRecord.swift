// SPDX-License-Identifier: Apache-2.0

import Imaging

/// What a folder of images holds besides, for `run.json` and `evaluate --json`.
struct LeftOutRecord: Codable {
    /// By kind.
    var counts: [String: Int]
    /// The first of them by name, so that the record stays small.
    var files: [LeftOut.Entry]

    private static let limit = 100

    init(_ leftOut: LeftOut) {
        counts = Dictionary(
            uniqueKeysWithValues: leftOut.counts.map { ($0.key.rawValue, $0.value) })
        files = Array(leftOut.entries.prefix(Self.limit))
    }
}

extension LeftOut {
    /// Nil where nobody misses anything.
    func warning(in folder: String) -> String? {
        guard mayHoldImages else { return nil }
        return "\(folder): left out \(summary)" + (remedy.isEmpty ? "" : "; \(remedy)")
    }
}
