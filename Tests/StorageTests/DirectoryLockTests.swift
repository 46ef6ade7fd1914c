// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Storage
import Synchronization
import Testing

/// Serialized, so that no process inherits the pipes of another.
@Suite(.serialized) struct DirectoryLockTests {
    private func holder(of directory: String) -> LockHolder?? {
        do throws(StorageError) {
            _ = try DirectoryLock(directory: directory)
            return nil
        } catch {
            guard case .locked(let holder) = error.code else { return nil }
            return .some(holder)
        }
    }

    @Test func secondHolderIsToldWhoTheFirstIs() throws {
        try withTemporaryDirectory { directory in
            let lock = try DirectoryLock(directory: directory)
            let error = #expect(throws: StorageError.self) {
                try DirectoryLock(directory: directory)
            }
            let host = ProcessInfo.processInfo.hostName
            #expect(
                error?.description
                    == "\(directory)/.lock: in use by process \(getpid()) on \(host); "
                    + "stop it or choose another output directory")
            withExtendedLifetime(lock) {}
        }
    }

    @Test func releasedWithTheObject() throws {
        try withTemporaryDirectory { directory in
            for _ in 0..<3 {
                let lock = try DirectoryLock(directory: directory)
                #expect(holder(of: directory) != nil)
                withExtendedLifetime(lock) {}
            }
            #expect(holder(of: directory) == nil)
        }
    }

    /// Another process holds the lock (with util-linux's `flock`) and is killed with SIGKILL.
    @Test func killedHolderLeavesNoLock() throws {
        try withTemporaryDirectory { directory in
            // Records some holder in the file, as a process that was killed would have.
            _ = try DirectoryLock(directory: directory)
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/flock")
            // With -o the lock belongs to flock itself, not to the command, whose output says
            // that the lock is held and which ends with its input.
            process.arguments = ["-o", directory + "/.lock", "sh", "-c", "echo held; cat"]
            let input = Pipe()
            let output = Pipe()
            process.standardInput = input
            process.standardOutput = output
            try process.run()
            #expect(
                String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
                    == "held\n")
            let recorded = LockHolder(
                processID: getpid(), host: ProcessInfo.processInfo.hostName)
            #expect(holder(of: directory) == .some(.some(recorded)))
            kill(process.processIdentifier, SIGKILL)
            // The end of a process is seen only once its children have ended too.
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            #expect(holder(of: directory) == nil)
        }
    }

    /// A program started while the lock is held does not keep it.
    @Test func childrenDoNotInheritTheLock() throws {
        try withTemporaryDirectory { directory in
            let process = Process()
            process.executableURL = URL(filePath: "/bin/cat")
            let input = Pipe()
            process.standardInput = input
            process.standardOutput = Pipe()
            do {
                let lock = try DirectoryLock(directory: directory)
                try process.run()
                withExtendedLifetime(lock) {}
            }
            #expect(holder(of: directory) == nil)
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
    }

    @Test func lookingDisturbsNobody() throws {
        try withTemporaryDirectory { directory in
            #expect(try DirectoryLock.look(directory: directory) == .free)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
            let lock = try DirectoryLock(directory: directory)
            let holder = LockHolder(
                processID: getpid(), host: ProcessInfo.processInfo.hostName)
            for _ in 0..<3 {
                #expect(try DirectoryLock.look(directory: directory) == .held(holder))
            }
            withExtendedLifetime(lock) {}
        }
    }

    /// Somebody who looks all the time keeps nobody out.
    @Test func takenWhileOthersLook() throws {
        try withTemporaryDirectory { directory in
            _ = try DirectoryLock(directory: directory)
            let isDone = Atomic(false)
            let looking = DispatchGroup()
            DispatchQueue.global().async(group: looking) {
                while !isDone.load(ordering: .relaxed) {
                    _ = try? DirectoryLock.look(directory: directory)
                }
            }
            defer {
                isDone.store(true, ordering: .relaxed)
                looking.wait()
            }
            for _ in 0..<200 { _ = try DirectoryLock(directory: directory) }
        }
    }

    /// Whoever may write the directory could otherwise have a file of the user's emptied.
    @Test(arguments: ["symbolic link", "dangling link", "hard link"])
    func linksAreNoLocks(kind: String) throws {
        try withTemporaryDirectory { directory in
            let (target, path) = (directory + "/precious", directory + "/.lock")
            if kind != "dangling link" {
                try Data("precious".utf8).write(to: URL(filePath: target))
            }
            #expect((kind == "hard link" ? link(target, path) : symlink(target, path)) == 0)
            let error = #expect(throws: StorageError.self) {
                try DirectoryLock(directory: directory)
            }
            #expect(error?.code == .foreignLock)
            #expect(error?.description.hasPrefix("\(path): a link, or") == true)
            #expect(error?.description.contains("remove it") == true)
            let content = FileManager.default.contents(atPath: target)
            #expect(content == (kind == "dangling link" ? nil : Data("precious".utf8)))
            let look = #expect(throws: StorageError.self) {
                try DirectoryLock.look(directory: directory)
            }
            #expect(look?.code == .foreignLock)
        }
    }

    /// Nobody would ever write into the pipe.
    @Test func pipesAreNoLocksAndHoldNobodyUp() throws {
        try withTemporaryDirectory { directory in
            #expect(mkfifo(directory + "/.lock", 0o600) == 0)
            let error = #expect(throws: StorageError.self) {
                try DirectoryLock(directory: directory)
            }
            let look = #expect(throws: StorageError.self) {
                try DirectoryLock.look(directory: directory)
            }
            #expect(error?.code == .notRegularFile && look?.code == .notRegularFile)
        }
    }

    @Test func missingDirectoryIsNamed() {
        let error = #expect(throws: StorageError.self) {
            try DirectoryLock(directory: "/nonexistent")
        }
        #expect(
            error?.description
                == "/nonexistent/.lock: cannot lock: No such file or directory (errno 2)")
    }
}
