// SPDX-License-Identifier: Apache-2.0

/// One image of a folder.
package struct ImageEntry: Hashable, Sendable {
    /// File name without the folder; with `[INDEX]` behind it for one input of several.
    package let name: String
    /// The folder as given, and the file name.
    package let path: String
    /// Which of an array's inputs it is; nil for the only one of a file.
    private let input: Int?

    /// All of a file; what it is shows when it is prepared.
    package init(name: String, path: String) {
        self.init(name: name, path: path, input: nil)
    }

    private init(name: String, path: String, input: Int?) {
        self.name = name
        self.path = path
        self.input = input
    }

    /// Reads and prepares in one step; see `ImageFile.prepare`. Errors name the file's path.
    package func prepare(_ preprocessing: Preprocessing) throws(ImageError) -> PreparedImage {
        guard let input else {
            return try ImageFile.prepare(
                bytes: DiskAccess.read(path), name: path, preprocessing: preprocessing)
        }
        return try array().prepared(input: input, for: preprocessing) {
            range throws(ImageError) in try DiskAccess.read(path, bytes: range)
        }
    }

    /// This entry, or one for each input of an array that holds several. A file that cannot be read
    /// as an array is one entry, whose preparation says what is wrong.
    func inputs(for preprocessing: Preprocessing) -> [ImageEntry] {
        guard name.lowercased().hasSuffix(".npy"),
            let count = try? array().inputs(for: preprocessing), count > 1
        else { return [self] }
        return (0..<count).map { ImageEntry(name: "\(name)[\($0)]", path: path, input: $0) }
    }

    private func array() throws(ImageError) -> NumpyFile {
        let size = DiskAccess.size(of: path)
        let head = try DiskAccess.read(path, bytes: 0..<min(size, NumpyFile.headLimit))
        return try NumpyFile(head: head, size: size, name: path)
    }
}
