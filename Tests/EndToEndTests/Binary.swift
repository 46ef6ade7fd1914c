// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// The program under test, built beside the test bundle.
enum Binary {
    static let root = URL(fileURLWithPath: ProcessEnvironment.root)

    struct Missing: Error, CustomStringConvertible {
        var directory: String
        var description: String {
            "no counterbias executable in \(directory) or above; build the package first"
        }
    }

    /// The executable of the same build as these tests.
    static func counterbias() throws -> URL {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var folder = tests.deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent("counterbias")
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder),
                !isFolder.boolValue, FileManager.default.isExecutableFile(atPath: candidate.path)
            {
                return candidate
            }
            folder.deleteLastPathComponent()
        }
        throw Missing(directory: tests.deletingLastPathComponent().path)
    }
}
