import Glibc

/// Who holds a lock, as its file says.
package struct LockHolder: Equatable, Sendable, CustomStringConvertible {
    package let processID: Int32
    package let host: String

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
    package let path: String
    private let descriptor: Int32

    /// Takes the lock, without waiting. The directory must exist.
    /// - Throws: `StorageError`, code `locked` if another process (or another object) holds it.
    package init(directory: String) throws(StorageError) {
        let path = joinedPath(directory, ".lock")
        let descriptor = try repeated(.lock, path) {
            open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o644))
        }
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

    /// Looks without keeping the lock and without writing. For that moment nobody can take the lock, which
    /// ``init(directory:)`` allows for.
    /// - Throws: `StorageError` if the file exists and cannot be read.
    package static func look(directory: String) throws(StorageError) -> State {
        let path = joinedPath(directory, ".lock")
        let descriptor: Int32
        do throws(StorageError) {
            descriptor = try repeated(.lock, path) { open(path, O_RDONLY | O_CLOEXEC) }
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
