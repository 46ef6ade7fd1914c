// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A temporary directory only this user can enter, for a socket.
///
/// A process that is killed leaves its directory behind. So each holds a lock on a file in it for
/// as long as it lives, and the next one removes those whose lock is free. What carries no lock
/// file is left alone.
package final class PrivateDirectory: Sendable {
    /// `counterbias-` and six random characters, inside the parent.
    package let path: String
    /// Of the locked file.
    private let descriptor: Int32

    private static let prefix = "counterbias-"
    private static let lockName = "lock"
    /// Characters `mkdtemp` replaces.
    private static let randomCharacters = 6

    /// Removes directories killed processes left, then makes a new one.
    /// - Parameter parent: where, usually the system's temporary directory.
    /// - Throws: `StorageError` naming the parent.
    package init(in parent: String) throws(StorageError) {
        Self.removeAbandoned(in: parent)
        // Whoever cleans up at this very moment may take a directory that has no lock yet.
        for _ in 0..<10 {
            if let (path, descriptor) = try Self.make(in: parent) {
                self.path = path
                self.descriptor = descriptor
                return
            }
        }
        throw StorageError(.system(.createDirectory, errno: EAGAIN), path: parent)
    }

    deinit { close(descriptor) }

    /// Removes it with everything in it; later calls do nothing.
    package func remove() { Self.remove(path) }

    /// - Returns: how many directories of killed processes were removed.
    @discardableResult
    package static func removeAbandoned(in parent: String) -> Int {
        let names = (try? POSIXFileSystem().list(parent)) ?? []
        return names.filter { name in
            name.hasPrefix(prefix) && name.utf8.count == prefix.utf8.count + randomCharacters
                && removeIfAbandoned(joinedPath(parent, name))
        }.count
    }

    private static func removeIfAbandoned(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            status.st_uid == geteuid(), status.st_mode & 0o077 == 0
        else { return false }
        let descriptor = open(joinedPath(path, lockName), O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        // The lock is held while the directory goes, so that nobody takes it for its own.
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return false }
        remove(path)
        return true
    }

    /// Nil if somebody took it for abandoned before it was locked.
    private static func make(in parent: String) throws(StorageError) -> (String, Int32)? {
        var template = Array(
            joinedPath(parent, prefix + String(repeating: "X", count: randomCharacters))
                .utf8CString)
        guard mkdtemp(&template) != nil else {
            throw StorageError(.system(.createDirectory, errno: errno), path: parent)
        }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let file = joinedPath(path, lockName)
        let descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else {
            throw StorageError(.system(.create, errno: errno), path: file)
        }
        var (mine, there) = (stat(), stat())
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &mine) == 0,
            stat(file, &there) == 0, mine.st_ino == there.st_ino
        {
            return (path, descriptor)
        }
        close(descriptor)
        return nil
    }

    /// One level deep: it holds a socket and the lock.
    private static func remove(_ path: String) {
        for name in (try? POSIXFileSystem().list(path)) ?? [] { unlink(joinedPath(path, name)) }
        rmdir(path)
    }
}
