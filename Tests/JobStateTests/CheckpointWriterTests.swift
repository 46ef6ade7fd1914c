// SPDX-License-Identifier: Apache-2.0

import Glibc
import JobSamples
import Logging
import Storage
import TestSupport
import Testing

@testable import JobState

@Suite struct CheckpointWriterTests {
    private let disk = SimulatedFileSystem(seed: TestSeed.value)
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func writer() throws -> CheckpointWriter {
        try disk.createDirectories("out")
        return CheckpointWriter(JobStore(directory: "out", fileSystem: disk), logger: logger)
    }

    @Test func theNewestStateIsWhatTheDiskEndsWith() throws {
        let writer = try writer()
        let states = try CheckpointTests.checkpoints(.pre)
        for state in states { try writer.save(state) }
        try writer.finish()
        disk.restart()
        var store = JobStore(directory: "out", fileSystem: disk)
        #expect(try store.load()?.checkpoint == states.last)
    }

    @Test func finishWaitsForEveryState() throws {
        let writer = try writer()
        for state in try CheckpointTests.checkpoints(.pre) {
            try writer.save(state)
            try writer.finish()
            var store = JobStore(directory: "out", fileSystem: disk)
            #expect(try store.load()?.checkpoint == state)
        }
    }

    @Test func nothingIsWrittenAfterAFailure() throws {
        let writer = try writer()
        let states = try CheckpointTests.checkpoints(.pre)
        disk.fault = .error(ENOSPC)
        disk.stepsUntilFault = 0
        try writer.save(states[0])
        #expect(throws: StorageError.self) { try writer.finish() }
        #expect(throws: StorageError.self) { try writer.save(states[1]) }
        #expect(throws: StorageError.self) { try writer.finish() }
        #expect(disk.paths.isEmpty)
    }
}
