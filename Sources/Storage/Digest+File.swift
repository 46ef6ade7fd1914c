// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Digest {
    /// SHA-256 of a file's bytes, which are never all in memory.
    /// - Parameter path: of the file.
    /// - Returns: the digest.
    /// - Throws: what Foundation says where the file cannot be read.
    package static func sha256(ofFile path: String) throws -> Digest {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        let builder = DigestBuilder()
        while let piece = try file.read(upToCount: 1 << 18), !piece.isEmpty {
            piece.withUnsafeBytes { builder.update($0) }
        }
        return builder.finish()
    }
}
