// SPDX-License-Identifier: Apache-2.0

/// Files that are replaced as a whole: a reader finds the old content or the new, never a part.
package enum AtomicFile {
    /// Writes `bytes` to a temporary file beside `path`, then gives it that name.
    ///
    /// The temporary file is `.NAME.tmp`; one that a crash left behind is replaced, so two
    /// processes must not write the same path at once (`DirectoryLock`). Where `path` is a
    /// symbolic link, the link is replaced, not what it points to.
    /// - Parameters:
    ///   - bytes: the new content.
    ///   - path: its name.
    ///   - permissions: mode bits before the process's mask; `0o600` for secrets.
    ///   - durable: wait until content and name are on stable storage. If false, a power failure
    ///     may leave the old content or an empty file.
    ///   - fileSystem: performs the steps.
    /// - Throws: `StorageError`; what `path` held before is intact unless the failing step was
    ///   `synchronizeDirectory`, after which it may hold the old or the new content.
    package static func write(
        _ bytes: [UInt8], to path: String, permissions: UInt32 = 0o644, durable: Bool = true,
        fileSystem: any FileSystem = POSIXFileSystem()
    ) throws(StorageError) {
        let directory = parentDirectory(of: path)
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let temporary = joinedPath(directory, ".\(name).tmp")
        try removeLeftover(temporary, fileSystem)
        do throws(StorageError) {
            try fill(temporary, bytes, permissions, durable, fileSystem)
            try fileSystem.rename(temporary, to: path)
        } catch {
            // Gives the space back; the error that matters is the one at hand.
            try? fileSystem.remove(temporary)
            throw error
        }
        if durable { try fileSystem.synchronizeDirectory(directory) }
    }

    /// Writes the UTF-8 form of `text`; see `write(_:to:permissions:durable:fileSystem:)`.
    package static func write(
        _ text: String, to path: String, permissions: UInt32 = 0o644, durable: Bool = true,
        fileSystem: any FileSystem = POSIXFileSystem()
    ) throws(StorageError) {
        try write(
            Array(text.utf8), to: path, permissions: permissions, durable: durable,
            fileSystem: fileSystem)
    }

    private static func removeLeftover(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(StorageError) {
        do throws(StorageError) {
            try fileSystem.remove(path)
        } catch {
            guard error.isNotFound else { throw error }
        }
    }

    private static func fill(
        _ path: String, _ bytes: [UInt8], _ permissions: UInt32, _ durable: Bool,
        _ fileSystem: any FileSystem
    ) throws(StorageError) {
        let file = try fileSystem.create(path, permissions: permissions)
        let written = bytes.withUnsafeBytes { buffer -> Result<Void, StorageError> in
            do throws(StorageError) {
                try fileSystem.writeAll(buffer, to: file, path: path)
                if durable { try fileSystem.synchronize(file, path: path) }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        if case .failure(let error) = written {
            try? fileSystem.close(file, path: path)
            throw error
        }
        try fileSystem.close(file, path: path)
    }
}
