// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What this module asks the file system.
enum DiskAccess {
    /// Larger files are no images.
    static let sizeLimit = 1 << 30

    /// Names in a folder without `.` and `..`, in no order; those that are not UTF-8 with
    /// replacement characters, by themselves.
    static func names(
        in folder: String
    ) throws(ImageError) -> (names: [String], notUTF8: [String]) {
        guard let handle = opendir(folder) else { throw failure(folder) }
        defer { closedir(handle) }
        var names: [String] = []
        var notUTF8: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(handle) else { break }
            let bytes = fileName(entry)
            guard let name = String(validating: bytes, as: UTF8.self) else {
                notUTF8.append(String(decoding: bytes, as: UTF8.self))
                continue
            }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw failure(folder) }
        return (names, notUTF8)
    }

    private static func fileName(_ entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
    }

    enum Kind { case regular, folder, missing, special }

    /// What a path leads to, links followed; opens nothing.
    static func kind(of path: String) -> Kind {
        var status = stat()
        guard stat(path, &status) == 0 else { return .missing }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .regular
        case S_IFDIR: return .folder
        default: return .special
        }
    }

    /// Bytes of a regular file; 0 where there is none.
    static func size(of path: String) -> Int {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return 0 }
        return Int(status.st_size)
    }

    /// Part of a regular file, or all of it.
    static func read(
        _ path: String, bytes range: Range<Int>? = nil
    ) throws(ImageError) -> [UInt8] {
        // Without O_NONBLOCK, opening a pipe would wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ImageError(.unreadable, path, "it is no regular file")
        }
        let size = range?.count ?? Int(status.st_size)
        guard size <= sizeLimit else { throw ImageError(.tooLarge, path, "\(size) bytes") }
        if let range, lseek(descriptor, off_t(range.lowerBound), SEEK_SET) < 0 {
            throw failure(path)
        }
        var cause: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            (count, cause) = fill(buffer, from: descriptor)
        }
        guard cause == 0 else { throw failure(path, cause) }
        guard bytes.count == size else {
            throw ImageError(.unreadable, path, "it became shorter while it was read")
        }
        return bytes
    }

    /// Bytes read until the buffer is full or the file ends, and errno of a failure or 0.
    private static func fill(
        _ buffer: UnsafeMutableBufferPointer<UInt8>, from descriptor: Int32
    ) -> (Int, Int32) {
        var filled = 0
        while filled < buffer.count, let base = buffer.baseAddress {
            #if canImport(Glibc)
                let part = Glibc.read(descriptor, base + filled, buffer.count - filled)
            #elseif canImport(Musl)
                let part = Musl.read(descriptor, base + filled, buffer.count - filled)
            #else
                let part = Darwin.read(descriptor, base + filled, buffer.count - filled)
            #endif
            if part < 0 && errno == EINTR { continue }
            if part < 0 { return (filled, errno) }
            if part == 0 { break }
            filled += part
        }
        return (filled, 0)
    }

    private static func failure(_ path: String, _ cause: Int32 = errno) -> ImageError {
        ImageError(.unreadable, path, String(cString: strerror(cause)))
    }
}
