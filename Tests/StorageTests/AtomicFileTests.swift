// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Storage
import TestSupport
import Testing

@Suite struct AtomicFileTests {
    @Test(arguments: [true, false])
    func replacesContent(durable: Bool) throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/run.json"
            try AtomicFile.write("first, longer", to: path, durable: durable)
            // What a crash may have left behind.
            try Data("junk".utf8).write(to: URL(filePath: directory + "/.run.json.tmp"))
            try AtomicFile.write("second", to: path, durable: durable)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "second")
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["run.json"])
        }
    }

    @Test func permissionsHoldEvenIfALeftoverHadOthers() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/key"
            try Data("junk".utf8).write(to: URL(filePath: directory + "/.key.tmp"))
            try AtomicFile.write([1, 2, 3], to: path, permissions: 0o600)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func largeContent() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/large"
            let bytes = [UInt8](repeating: 0xA5, count: 5_000_001)
            try AtomicFile.write(bytes, to: path, durable: false)
            #expect(try POSIXFileSystem().read(path, limit: bytes.count) == bytes)
            let error = #expect(throws: StorageError.self) {
                try POSIXFileSystem().read(path, limit: bytes.count - 1)
            }
            #expect(error?.code == .tooLarge(bytes: 5_000_001, limit: 5_000_000))
        }
    }

    @Test func missingDirectoryIsNamed() {
        let error = #expect(throws: StorageError.self) {
            try AtomicFile.write("x", to: "/nonexistent/a/ledger.json")
        }
        #expect(error?.isNotFound == true)
        #expect(
            error?.description
                == "/nonexistent/a/.ledger.json.tmp: cannot create: No such file or directory "
                + "(errno 2)")
    }

    /// Without `durable` a crash may lose the new content, but not mix it with the old.
    @Test func durableSurvivesACrashAtEveryStep() throws {
        for steps in 0..<20 {
            for seed in TestSeed.values(30) {
                let disk = SimulatedFileSystem(seed: seed)
                try AtomicFile.write("old", to: "run.json", fileSystem: disk)
                disk.stepsUntilFault = steps
                let result = Result {
                    try AtomicFile.write("the new content", to: "run.json", fileSystem: disk)
                }
                guard disk.hasCrashed else { return }
                disk.restart()
                let found = String(
                    decoding: try disk.read("run.json", limit: 100), as: UTF8.self)
                #expect(["old", "the new content"].contains(found))
                if case .success = result { #expect(found == "the new content") }
            }
        }
        Issue.record("the write never ended")
    }

    @Test func diskFullLeavesTheOldFile() throws {
        let disk = SimulatedFileSystem(seed: 1)
        try AtomicFile.write("old", to: "out.onnx", fileSystem: disk)
        disk.fault = .error(ENOSPC)
        disk.stepsUntilFault = 3
        let error = #expect(throws: StorageError.self) {
            try AtomicFile.write(
                [UInt8](repeating: 1, count: 1000), to: "out.onnx", fileSystem: disk)
        }
        #expect(
            error?.description
                == "./.out.onnx.tmp: cannot write: No space left on device (errno 28); "
                + "free space and try again, earlier content is intact")
        #expect(disk.paths == ["out.onnx"])
        #expect(try disk.read("out.onnx", limit: 100) == Array("old".utf8))
    }
}
