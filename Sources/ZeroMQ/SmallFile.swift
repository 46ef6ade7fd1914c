// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Reading and writing the short text files keys live in.
enum SmallFile {
    /// A whole file and the mode it had while it was read.
    static func read(
        _ path: String, limit: Int
    ) throws(ZeroMQError) -> (text: String, mode: mode_t) {
        // Non-blocking, so that a named pipe in its place cannot hang the process.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(.fileUnreadable, file: path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(.fileUnreadable, file: path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ZeroMQError(.fileUnreadable, file: path, detail: "not a regular file")
        }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var filled = 0
        while filled < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .system(.fileUnreadable, file: path) }
            if got == 0 { break }
            filled += got
        }
        guard filled <= limit else {
            throw ZeroMQError(.fileUnreadable, file: path, detail: "more than \(limit) bytes")
        }
        return (String(decoding: bytes[..<filled], as: UTF8.self), status.st_mode)
    }

    /// Writes a new file durably; a file that exists already stays as it is.
    static func create(_ path: String, text: String, mode: mode_t) throws(ZeroMQError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw .system(errno == EEXIST ? .fileExists : .fileWriteFailed, file: path)
        }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw discard(path) }
            rest = rest.dropFirst(written)
        }
        // The umask may have taken bits away; a secret file has none to lose.
        guard fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else { throw discard(path) }
    }

    private static func discard(_ path: String) -> ZeroMQError {
        let failure = ZeroMQError.system(.fileWriteFailed, file: path)
        unlink(path)
        return failure
    }

    /// The names in a directory, sorted by bytes.
    static func names(in directory: String) throws(ZeroMQError) -> [String] {
        guard let stream = opendir(directory) else {
            throw .system(.fileUnreadable, file: directory)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }
}
