// SPDX-License-Identifier: Apache-2.0

/// An open file of some `FileSystem`.
package struct OpenFile: Hashable, Sendable {
    /// Of the process, or whatever a simulation counts by.
    package let descriptor: Int32
    /// Takes the number as it is; closing is the file system's.
    package init(descriptor: Int32) { self.descriptor = descriptor }
}

/// The steps from which durable state is made; one call is one step that may fail or be the last
/// before a crash. `POSIXFileSystem` performs them, simulations disturb them.
///
/// Every failure is a `StorageError` with code `system`, `notRegularFile` or `tooLarge` and the
/// path.
package protocol FileSystem: Sendable {
    /// Creates an empty file that must not exist, for writing. `permissions` are mode bits before
    /// the process's mask, such as `0o644`.
    func create(_ path: String, permissions: UInt32) throws(StorageError) -> OpenFile

    /// Writes at the end of the file and returns how many bytes were written: perhaps fewer than
    /// given, but at least one. `path` is for errors only.
    func write(
        _ bytes: UnsafeRawBufferPointer, to file: OpenFile, path: String
    ) throws(StorageError) -> Int

    /// Returns once the file's content is on stable storage.
    func synchronize(_ file: OpenFile, path: String) throws(StorageError)

    /// Releases the file, also when it fails.
    func close(_ file: OpenFile, path: String) throws(StorageError)

    /// Gives a file another name, replacing in one step what bore it.
    func rename(_ path: String, to target: String) throws(StorageError)

    /// Returns once the directory's entries are on stable storage.
    func synchronizeDirectory(_ path: String) throws(StorageError)

    /// The content of a regular file of at most `limit` bytes.
    func read(_ path: String, limit: Int) throws(StorageError) -> [UInt8]

    /// Takes a file's name away, which need not be durable when it returns.
    func remove(_ path: String) throws(StorageError)

    /// Names of a directory's entries, in no order, without `.` and `..`.
    func list(_ path: String) throws(StorageError) -> [String]

    /// Creates a directory unless it exists, and returns whether it did; its parent must exist.
    func createDirectory(_ path: String) throws(StorageError) -> Bool
}

extension FileSystem {
    /// Writes all of `bytes`, however often `write` falls short.
    func writeAll(
        _ bytes: UnsafeRawBufferPointer, to file: OpenFile, path: String
    ) throws(StorageError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = try write(rest, to: file, path: path)
            precondition((1...rest.count).contains(count), "a write reported an impossible count")
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Creates `path` and the directories above it that are missing.
    ///
    /// The entry of `path` itself is made durable even if it was there before: a crash may have
    /// come between its creation and its synchronization.
    package func createDirectories(_ path: String) throws(StorageError) {
        let parent = parentDirectory(of: path)
        do throws(StorageError) {
            _ = try createDirectory(path)
        } catch {
            guard error.isNotFound, parent != path else { throw error }
            try createDirectories(parent)
            _ = try createDirectory(path)
        }
        try synchronizeDirectory(parent)
    }
}

/// The directory that holds the last component of `path`.
func parentDirectory(of path: String) -> String {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
}

/// `name` inside `directory`.
func joinedPath(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : directory + "/" + name
}
