// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The public keys a coordinator admits: a directory of `*.pub` files (a key's name is the file's),
/// or one file with a key per line (`KEY` or `KEY NAME`; a comment is `#` alone or `#` and a
/// space).
///
/// ``AllowListWatch`` reads it again when it changes, so a key that was removed is refused from
/// then on and its connections end.
package struct AllowList: Hashable, Sendable {
    /// Files in the directory, lines in the file.
    package static let maximumEntries = 4_096
    private static let maximumFileBytes = 1 << 20

    /// Of a directory or a file, as given.
    package let path: String

    /// Takes any path; ``load()`` looks at it.
    package init(path: String) {
        self.path = path
    }

    /// Reads the list.
    ///
    /// In a directory, a file that cannot be used admits nobody and is reported in
    /// ``AllowedKeys/problems``; it does not lock out the others.
    /// - Throws: `.allowListUnreadable`, `.allowListExposed` (somebody else could add a key: see
    ///   ``PathTrust``), `.allowListMalformed` (single file).
    package func load() throws(ZeroMQError) -> AllowedKeys {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system(.allowListUnreadable, file: path) }
        try PathTrust.check(path, .allowListExposed)
        if status.st_mode & S_IFMT == S_IFDIR { return try loadDirectory() }
        return try loadFile()
    }

    private func loadDirectory() throws(ZeroMQError) -> AllowedKeys {
        let names = try unreadable { () throws(ZeroMQError) in try SmallFile.names(in: path) }
        var keys = AllowedKeys()
        for name in names where Self.isEntry(name) {
            let file = path + "/" + name
            do {
                try keys.add(KeyFile.readEntry(file), name: String(name.dropLast(4)), file: file)
            } catch {
                keys.problems.append(error)
            }
        }
        return keys
    }

    /// Whether a file of that name in the directory is meant to hold a key.
    static func isEntry(_ name: String) -> Bool {
        name.hasSuffix(".pub") && !name.hasPrefix(".")
    }

    private func loadFile() throws(ZeroMQError) -> AllowedKeys {
        let text = try unreadable { () throws(ZeroMQError) in
            try SmallFile.read(path, limit: Self.maximumFileBytes).text
        }
        var keys = AllowedKeys()
        for (index, line) in text.split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        ).enumerated() {
            guard let line = KeyFileText.content(line) else { continue }
            do {
                try keys.add(line: line, number: index + 1, file: path)
            } catch {
                throw ZeroMQError(
                    .allowListMalformed, file: path,
                    detail: "line \(index + 1): " + (error.detail ?? error.summary))
            }
        }
        return keys
    }

    private func unreadable<Value>(
        _ body: () throws(ZeroMQError) -> Value
    ) throws(ZeroMQError) -> Value {
        do {
            return try body()
        } catch {
            var error = error
            error.code = .allowListUnreadable
            throw error
        }
    }
}

/// The content of an ``AllowList`` at one moment.
package struct AllowedKeys: Equatable, Sendable {
    /// The name of each key.
    package fileprivate(set) var names: [PublicKey: String] = [:]
    /// Entries that were passed over, with the reason.
    package fileprivate(set) var problems: [ZeroMQError] = []

    /// Whether the owner of this key may connect and stay, whatever its name is by now.
    package func admits(_ key: PublicKey) -> Bool { names[key] != nil }

    func hasSameKeys(as other: AllowedKeys) -> Bool {
        Set(names.keys) == Set(other.names.keys)
    }

    /// Where an entry of a directory has become unusable, its earlier key stays: it may be half
    /// written.
    func keeping(_ earlier: AllowedKeys) -> AllowedKeys {
        var kept = self
        let unusable = Set(problems.compactMap(\.file).compactMap { $0.split(separator: "/").last })
        for (key, name) in earlier.names where names[key] == nil {
            if unusable.contains("\(name).pub") { kept.names[key] = name }
        }
        return kept
    }

    fileprivate mutating func add(
        _ key: PublicKey, name: String, file: String
    ) throws(ZeroMQError) {
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else {
            throw ZeroMQError(
                .allowListMalformed, file: file,
                detail: "a name is 1 to 64 printable ASCII characters without spaces")
        }
        if let other = names[key] {
            throw ZeroMQError(
                .allowListMalformed, file: file, detail: "the same key as \(other)")
        }
        guard names.count < AllowList.maximumEntries else {
            throw ZeroMQError(
                .allowListMalformed, file: file,
                detail: "more than \(AllowList.maximumEntries) keys")
        }
        names[key] = name
    }

    fileprivate mutating func add(
        line: Substring, number: Int, file: String
    ) throws(ZeroMQError) {
        if let (name, value) = KeyFileText.assignment(line) {
            guard name == "public-key" else {
                throw ZeroMQError(.keyKindMismatch, detail: "only public keys belong here")
            }
            try add(PublicKey(z85: value), name: "line-\(number)", file: file)
            return
        }
        let words = line.split { $0 == " " || $0 == "\t" }
        guard words.count <= 2 else {
            throw ZeroMQError(.allowListMalformed, detail: "more than a key and a name")
        }
        let name = words.count == 2 ? String(words[1]) : "line-\(number)"
        try add(PublicKey(z85: words[0]), name: name, file: file)
    }
}
