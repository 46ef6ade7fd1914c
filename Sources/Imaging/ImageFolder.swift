/// One image of a folder.
package struct ImageEntry: Hashable, Sendable {
    /// File name without the folder.
    package let name: String
    package let path: String

    package init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}

/// The images of one folder, in the order that defines shards.
package struct ImageFolder: Hashable, Sendable {
    /// Sorted by the bytes of the file name, whatever the locale.
    package let entries: [ImageEntry]
    /// Names left out, sorted: other endings, hidden files, subfolders.
    package let ignored: [String]

    /// Lists `.jpg`, `.jpeg`, `.png` and `.npy` files, whatever their case; not recursive. Links are
    /// followed. Everything else is ignored and counted.
    /// - Throws: `.unreadable` if it is no readable folder; `.emptyFolder` if it has no image.
    package static func list(_ path: String) throws(ImageError) -> ImageFolder {
        var entries: [ImageEntry] = []
        var ignored: [String] = []
        for name in try FileSystem.names(in: path) {
            let file = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
            if isImage(name) && FileSystem.isRegularFile(file) {
                entries.append(ImageEntry(name: name, path: file))
            } else {
                ignored.append(name)
            }
        }
        guard !entries.isEmpty else {
            throw ImageError(.emptyFolder, path, describe(ignored))
        }
        entries.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        ignored.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return ImageFolder(entries: entries, ignored: ignored)
    }

    private static func isImage(_ name: String) -> Bool {
        guard !name.hasPrefix("."), let dot = name.lastIndex(of: ".") else { return false }
        return ["jpg", "jpeg", "png", "npy"].contains(name[dot...].dropFirst().lowercased())
    }

    private static func describe(_ ignored: [String]) -> String {
        guard !ignored.isEmpty else { return "it is empty" }
        let examples = ignored.sorted().prefix(3).joined(separator: ", ")
        return "\(ignored.count) other entries, such as \(examples); subfolders are not searched"
    }
}

extension ImageEntry {
    /// The whole file.
    /// - Throws: `.unreadable`, or `.tooLarge` over 1 GiB.
    package func read() throws(ImageError) -> [UInt8] { try FileSystem.read(path) }

    /// Reads and prepares in one step; see `ImageFile.prepare`. Errors name the file's path.
    package func prepare(_ preprocessing: Preprocessing) throws(ImageError) -> PreparedImage {
        try ImageFile.prepare(bytes: read(), name: path, preprocessing: preprocessing)
    }
}
