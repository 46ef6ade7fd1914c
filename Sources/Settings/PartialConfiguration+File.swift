// SPDX-License-Identifier: Apache-2.0

import Glibc

extension PartialConfiguration {
    /// Largest configuration file in bytes.
    package static let maximumFileBytes = 1 << 20

    /// Reads and decodes a configuration file.
    /// - Throws: `SettingsError`, code `unreadable` if it cannot be read, is larger than
    ///   `maximumFileBytes` or not UTF-8; otherwise as `init(yaml:file:)`.
    package init(contentsOf path: String) throws(SettingsError) {
        guard let text = String(validating: try content(of: path), as: UTF8.self) else {
            throw SettingsError(.unreadable("it is not UTF-8 text"), file: path)
        }
        try self.init(yaml: text, file: path)
    }
}

/// - Throws: `SettingsError` also for pipes and devices, which may never end.
private func content(of path: String) throws(SettingsError) -> [UInt8] {
    func failure() -> SettingsError {
        SettingsError(.unreadable(String(cString: strerror(errno))), file: path)
    }
    // Non-blocking, so that a pipe in its place cannot hang the process.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure() }
    guard let stream = fdopen(descriptor, "r") else {
        close(descriptor)
        throw failure()
    }
    defer { fclose(stream) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure() }
    guard status.st_mode & S_IFMT == S_IFREG else {
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        throw SettingsError(
            .unreadable(isFolder ? String(cString: strerror(EISDIR)) : "not a regular file"),
            file: path)
    }
    let limit = PartialConfiguration.maximumFileBytes
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    let count = fread(&bytes, 1, bytes.count, stream)
    guard ferror(stream) == 0 else { throw failure() }
    guard count <= limit else {
        throw SettingsError(.unreadable("it is larger than \(limit) bytes"), file: path)
    }
    return Array(bytes[..<count])
}
