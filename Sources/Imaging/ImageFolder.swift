// SPDX-License-Identifier: Apache-2.0

/// The images of one folder, in the order that defines shards.
package struct ImageFolder: Hashable, Sendable {
    /// Sorted by the bytes of the file name, whatever the locale.
    package let entries: [ImageEntry]
    /// Everything else that the folder holds.
    package let leftOut: LeftOut

    /// Lists `.jpg`, `.jpeg`, `.png` and `.npy` files, whatever their case; not recursive. Links
    /// are followed. Everything else is left out and counted; nothing is opened.
    /// - Throws: `.unreadable` if it is no readable folder; `.emptyFolder` if it has no image.
    package static func list(_ path: String) throws(ImageError) -> ImageFolder {
        var entries: [ImageEntry] = []
        var leftOut = LeftOut()
        let (names, notUTF8) = try DiskAccess.names(in: path)
        for name in notUTF8 { leftOut.add(name, .notUTF8) }
        for name in names {
            let file = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
            if let kind = leftOutKind(of: name, at: file) {
                leftOut.add(name, kind)
            } else {
                entries.append(ImageEntry(name: name, path: file))
            }
        }
        leftOut.sort()
        guard !entries.isEmpty else {
            throw ImageError(
                .emptyFolder, path,
                leftOut.entries.isEmpty
                    ? "it is empty"
                    : ([leftOut.summary, leftOut.remedy].filter { !$0.isEmpty })
                        .joined(separator: "; "))
        }
        entries.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return ImageFolder(entries: entries, leftOut: leftOut)
    }

    /// Nil for images.
    private static func leftOutKind(of name: String, at path: String) -> LeftOut.Kind? {
        if name.hasPrefix(".") { return .hidden }
        switch DiskAccess.kind(of: path) {
        case .folder: return .subfolder
        case .missing: return .brokenLink
        case .special: return .special
        case .regular: break
        }
        guard let dot = name.lastIndex(of: ".") else { return .other }
        let ending = name[dot...].dropFirst().lowercased()
        if ["jpg", "jpeg", "png", "npy"].contains(ending) { return nil }
        return LeftOut.Kind(ending: ending) ?? .other
    }

    /// One entry per network input, in order: an array that holds several gives `NAME[0]`,
    /// `NAME[1]`, ...
    /// - Parameters:
    ///   - preprocessing: validated; says what an input's extent is.
    ///   - limit: most of them; nil for all.
    /// - Returns: as many entries as there are inputs.
    package func inputs(for preprocessing: Preprocessing, limit: Int? = nil) -> [ImageEntry] {
        let limit = limit ?? .max
        var inputs: [ImageEntry] = []
        for entry in entries where inputs.count < limit {
            inputs += entry.inputs(for: preprocessing).prefix(limit - inputs.count)
        }
        return inputs
    }
}
