// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The operating system's files. Interrupted calls are repeated, except `close`, which Linux
/// completes even when interrupted.
package struct POSIXFileSystem: FileSystem {
    /// All of them are equal: there is no state.
    package init() {}

    /// `open` with `O_EXCL`; a link in the file's place is not followed.
    package func create(
        _ path: String, permissions: UInt32
    ) throws(StorageError) -> OpenFile {
        OpenFile(
            descriptor: try repeated(.create, path) {
                open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(permissions))
            })
    }

    /// One `write`; what would write nothing fails with `EIO`.
    package func write(
        _ bytes: UnsafeRawBufferPointer, to file: OpenFile, path: String
    ) throws(StorageError) -> Int {
        let count = try repeated(.write, path) {
            Glibc.write(file.descriptor, bytes.baseAddress, bytes.count)
        }
        // A regular file accepts at least one byte or fails; do not spin if one ever does neither.
        guard count > 0 || bytes.isEmpty else {
            throw StorageError(.system(.write, errno: EIO), path: path)
        }
        return count
    }

    /// `fsync`.
    package func synchronize(_ file: OpenFile, path: String) throws(StorageError) {
        _ = try repeated(.synchronize, path) { fsync(file.descriptor) }
    }

    /// `close`; an interrupted one has closed.
    package func close(_ file: OpenFile, path: String) throws(StorageError) {
        let result = Glibc.close(file.descriptor)
        let number = errno
        guard result == 0 || number == EINTR else {
            throw StorageError(.system(.close, errno: number), path: path)
        }
    }

    /// `rename`.
    package func rename(_ path: String, to target: String) throws(StorageError) {
        _ = try repeated(.rename, path) { Glibc.rename(path, target) }
    }

    /// `fsync` of the directory itself.
    package func synchronizeDirectory(_ path: String) throws(StorageError) {
        let descriptor = try repeated(.synchronizeDirectory, path) {
            open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        defer { _ = Glibc.close(descriptor) }
        _ = try repeated(.synchronizeDirectory, path) { fsync(descriptor) }
    }

    /// Reads without waiting at a pipe; a file that shrinks meanwhile ends early.
    package func read(_ path: String, limit: Int) throws(StorageError) -> [UInt8] {
        // Non-blocking, so that a pipe in the file's place cannot hang the open.
        let descriptor = try repeated(.open, path) {
            open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        }
        defer { _ = Glibc.close(descriptor) }
        var status = stat()
        _ = try repeated(.read, path) { fstat(descriptor, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StorageError(.notRegularFile, path: path)
        }
        let size = Int(status.st_size)
        guard size <= limit else {
            throw StorageError(.tooLarge(bytes: size, limit: limit), path: path)
        }
        return try content(of: descriptor, size: size, path: path)
    }

    /// `unlink`.
    package func remove(_ path: String) throws(StorageError) {
        _ = try repeated(.remove, path) { unlink(path) }
    }

    /// Names are decoded as UTF-8, with replacement characters where they are none.
    package func list(_ path: String) throws(StorageError) -> [String] {
        guard let stream = opendir(path) else {
            throw StorageError(.system(.list, errno: errno), path: path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                let number = errno
                guard number == 0 else {
                    throw StorageError(.system(.list, errno: number), path: path)
                }
                return names
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// `mkdir` with mode 0755 before the process's mask; what exists has to be a directory.
    package func createDirectory(_ path: String) throws(StorageError) -> Bool {
        do throws(StorageError) {
            _ = try repeated(.createDirectory, path) { mkdir(path, 0o755) }
            return true
        } catch {
            guard error.code == .system(.createDirectory, errno: EEXIST) else { throw error }
            var status = stat()
            _ = try repeated(.createDirectory, path) { stat(path, &status) }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw StorageError(.system(.createDirectory, errno: ENOTDIR), path: path)
            }
            return false
        }
    }

    /// Reads what is there, at most `size` bytes: a file that shrinks meanwhile just ends early.
    private func content(
        of descriptor: Int32, size: Int, path: String
    ) throws(StorageError) -> [UInt8] {
        var failure: StorageError?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, initialized in
            do throws(StorageError) {
                while initialized < size {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[initialized..<size])
                    let count = try repeated(.read, path) {
                        Glibc.read(descriptor, rest.baseAddress, rest.count)
                    }
                    if count == 0 { break }
                    initialized += count
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// Calls `body` until it is not interrupted by a signal.
/// - Returns: its result, at least 0.
/// - Throws: `StorageError` with code `system` for a negative result.
func repeated<Result: FixedWidthInteger>(
    _ operation: StorageError.Operation, _ path: String, _ body: () -> Result
) throws(StorageError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = errno
        guard number == EINTR else {
            throw StorageError(.system(operation, errno: number), path: path)
        }
    }
}
