// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A tmpfs that is soon full; unmounted with its last reference.
final class SmallDisk {
    let path: String
    private let ballast: String

    init(kibibytes: Int) throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("counterbias-test-disk-\(UUID().uuidString)").path
        ballast = path + "/ballast"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(kibibytes)k") == 0 else {
            let number = errno
            rmdir(path)
            throw POSIXError(POSIXErrorCode(rawValue: number) ?? .EIO)
        }
    }

    deinit {
        // Lazily: a process of a failed test may still have a file open.
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }

    /// Bytes that can still be written.
    var free: Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        return Int(status.f_bavail) * Int(status.f_bsize)
    }

    /// Takes all space but about so many bytes (whole pages).
    func fill(leaving rest: Int = 0) throws {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        defer { close(file) }
        let page = [UInt8](repeating: 0, count: 4096)
        while free >= rest + page.count, write(file, page, page.count) == page.count {}
    }

    /// Gives back what ``fill(leaving:)`` took.
    func makeSpace() { unlink(ballast) }
}
