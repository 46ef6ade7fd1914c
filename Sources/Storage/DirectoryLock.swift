// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Who holds a lock, as its file says.
package struct LockHolder: Equatable, Sendable, CustomStringConvertible {
    /// As the holder's own namespace counts it.
    package let processID: Int32
    /// `unknown-host` where it has no name.
    package let host: String

    /// Memberwise, unchecked.
    package init(processID: Int32, host: String) {
        self.processID = processID
        self.host = host
    }

    package var description: String { "process \(processID) on \(host)" }
}

/// Keeps a second process out of a directory for as long as the object lives.
///
/// The lock is `flock` on the file `.lock` in the directory. The kernel drops it when the process
/// ends, however it ends, so no lock is ever stale; the file itself stays. Child processes do not
/// inherit it.
package final class DirectoryLock: Sendable {
    /// Of the lock file, inside the directory.
    package let path: String
    private let descriptor: Int32

    /// Takes the lock, without waiting. The directory must exist.
    /// - Throws: `StorageError`, code `locked` if another process (or another object) holds it,
    ///   `foreignLock` or `notRegularFile` if something else stands in its place; that stays as it
    ///   is.
    package init(directory: String) throws(StorageError) {
        let path = joinedPath(directory, ".lock")
        let descriptor = try Self.open(path, O_RDWR | O_CREAT)
        do throws(StorageError) {
            try Self.take(descriptor, path)
            try Self.record(in: descriptor, path: path)
        } catch {
            let holder = Self.holder(in: descriptor)
            close(descriptor)
            guard error.code != .system(.lock, errno: EWOULDBLOCK) else {
                throw StorageError(.locked(by: holder), path: path)
            }
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Whether somebody holds a directory's lock.
    package enum State: Equatable, Sendable {
        case free
        /// By whom, where the file says it.
        case held(LockHolder?)
    }

    /// Looks without keeping the lock and without writing. For that moment nobody can take the
    /// lock, which ``init(directory:)`` allows for.
    /// - Throws: `StorageError` if the file exists and cannot be read, or is none.
    package static func look(directory: String) throws(StorageError) -> State {
        let path = joinedPath(directory, ".lock")
        let descriptor: Int32
        do throws(StorageError) {
            descriptor = try open(path, O_RDONLY)
        } catch {
            guard error.isNotFound else { throw error }
            return .free
        }
        // Closing gives the lock back.
        defer { close(descriptor) }
        do throws(StorageError) {
            _ = try repeated(.lock, path) { flock(descriptor, LOCK_SH | LOCK_NB) }
            return .free
        } catch {
            guard error.code == .system(.lock, errno: EWOULDBLOCK) else { throw error }
            return .held(holder(in: descriptor))
        }
    }

    /// Opens a file that nothing but this directory has: whoever may write the directory could let
    /// another name or a link lead to a file of somebody else's, which would be written. Waits for
    /// nobody at a pipe.
    private static func open(_ path: String, _ flags: Int32) throws(StorageError) -> Int32 {
        let descriptor: Int32
        do throws(StorageError) {
            descriptor = try repeated(.lock, path) {
                Glibc.open(
                    path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode_t(0o644))
            }
        } catch {
            let isLink = error.code == .system(.lock, errno: ELOOP)
            throw isLink ? StorageError(.foreignLock, path: path) : error
        }
        do throws(StorageError) {
            var status = stat()
            _ = try repeated(.lock, path) { fstat(descriptor, &status) }
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw StorageError(.notRegularFile, path: path)
            }
            guard status.st_nlink <= 1 else { throw StorageError(.foreignLock, path: path) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// A look holds the lock for microseconds; only who holds it longer keeps us out.
    private static func take(_ descriptor: Int32, _ path: String) throws(StorageError) {
        for _ in 0..<20 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            usleep(2_000)
        }
        _ = try repeated(.lock, path) { flock(descriptor, LOCK_EX | LOCK_NB) }
    }

    private static func record(in descriptor: Int32, path: String) throws(StorageError) {
        let text = Array("\(getpid()) \(hostName())\n".utf8)
        _ = try repeated(.lock, path) { ftruncate(descriptor, 0) }
        _ = try repeated(.lock, path) { pwrite(descriptor, text, text.count, 0) }
    }

    /// Nil while the holder has not yet written its name, or if the file holds something else.
    private static func holder(in descriptor: Int32) -> LockHolder? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let words = String(decoding: bytes[..<count], as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let processID = Int32(words[0]) else { return nil }
        return LockHolder(processID: processID, host: String(words[1]))
    }

    private static func hostName() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, gethostname(base, buffer.count - 1) == 0
            else { return "unknown-host" }
            buffer[buffer.count - 1] = 0
            let name = String(cString: base)
            return name.isEmpty ? "unknown-host" : name
        }
    }
}
