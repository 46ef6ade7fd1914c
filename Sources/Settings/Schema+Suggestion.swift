// SPDX-License-Identifier: Apache-2.0

extension Schema {
    /// The key that was probably meant by `name` in `section`, with its full path: one of the same
    /// name elsewhere, or the nearest by edit distance in the same section; nil if none is near.
    static func suggestion(for name: String, in section: String?) -> String? {
        // A long name cannot be near any key, and the distance costs its length.
        guard name.count <= 64 else { return nil }
        let full = section.map { "\($0).\(name)" } ?? name
        let exact = fields.map(\.key).first { key in
            key.split(separator: ".").last.map(String.init) == name
                || key.replacing(".", with: "_") == full
        }
        if let exact { return exact }
        let siblings = keys(in: section).map { key in
            (key: key, distance: editDistance(name, String(key.split(separator: ".").last ?? "")))
        }
        let limit = max(2, name.count / 3)
        let near = siblings.min { $0.distance < $1.distance }
        return near.flatMap { $0.distance <= limit ? $0.key : nil }
    }
}

/// Insertions, deletions and replacements that turn `left` into `right` (Levenshtein).
func editDistance(_ left: String, _ right: String) -> Int {
    let target = Array(right)
    var row = Array(0...target.count)
    for (i, character) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for j in target.indices {
            let replaced = diagonal + (character == target[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[target.count]
}
