// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Storage
import Testing

@Suite struct PrivateDirectoryTests {
    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func onlyItsOwnerMayEnter() throws {
        try withTemporaryDirectory { parent in
            let directory = try PrivateDirectory(in: parent)
            #expect(mode(directory.path) == 0o700)
            directory.remove()
            #expect(!FileManager.default.fileExists(atPath: directory.path))
        }
    }

    @Test func abandonedOnesGoAndOthersStay() throws {
        try withTemporaryDirectory { parent in
            var abandoned: PrivateDirectory? = try PrivateDirectory(in: parent)
            let old = try #require(abandoned?.path)
            try Data().write(to: URL(filePath: old + "/coordinator"))
            // The lock goes with the object, as with a killed process; the folder stays.
            abandoned = nil
            let alive = try PrivateDirectory(in: parent)
            #expect(!FileManager.default.fileExists(atPath: old))

            // Of somebody else, without a lock, or with another name.
            for name in ["counterbias-abcdef", "counterbias-longer-name", "other-abcdef"] {
                try FileManager.default.createDirectory(
                    atPath: parent + "/" + name, withIntermediateDirectories: false,
                    attributes: [.posixPermissions: 0o700])
            }
            try FileManager.default.createDirectory(
                atPath: parent + "/counterbias-public", withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o755])
            try Data().write(to: URL(filePath: parent + "/counterbias-public/lock"))
            #expect(PrivateDirectory.removeAbandoned(in: parent) == 0)
            #expect(FileManager.default.fileExists(atPath: alive.path + "/lock"))
            let left = try FileManager.default.contentsOfDirectory(atPath: parent)
            #expect(left.count == 5, "\(left)")
        }
    }

    @Test func manyAtOnceKeepTheirOwn() throws {
        try withTemporaryDirectory { parent in
            let made = UnsafeMutableBufferPointer<PrivateDirectory?>.allocate(capacity: 32)
            made.initialize(repeating: nil)
            nonisolated(unsafe) let shared = made
            defer {
                made.deinitialize()
                made.deallocate()
            }
            DispatchQueue.concurrentPerform(iterations: 32) { index in
                shared[index] = try? PrivateDirectory(in: parent)
            }
            let paths = Set(made.compactMap { $0?.path })
            #expect(paths.count == 32)
            for path in paths { #expect(FileManager.default.fileExists(atPath: path + "/lock")) }
        }
    }

    @Test func missingParentIsNamed() {
        let error = #expect(throws: StorageError.self) {
            _ = try PrivateDirectory(in: "/nonexistent")
        }
        #expect(error?.description.contains("/nonexistent: cannot create directory") == true)
    }
}
