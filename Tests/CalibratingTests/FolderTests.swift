// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import JobInputs
import JobSamples
import JobState
import Storage
import Testing

@testable import Calibrating

/// What lies in a folder of results, before, during and after a job.
@Suite struct FolderTests {
    private final class Folder: Sendable {
        let path = NSTemporaryDirectory() + "counterbias-results-\(UUID().uuidString)"
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private let folder = Folder()
    private var out: String { folder.path + "/deep/out" }

    @Test func aRefusedJobLeavesNoTrace() throws {
        let results = try ResultsFolder(out)
        #expect(FileManager.default.fileExists(atPath: results.checkpoints))
        results.leave()
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test func whatAJobLeftStays() throws {
        let results = try ResultsFolder(out)
        try Data("x".utf8).write(to: URL(fileURLWithPath: results.checkpoints + "/a"))
        results.leave()
        #expect(FileManager.default.fileExists(atPath: results.checkpoints + "/a"))
    }

    @Test func aFileInTheWayIsNamed() throws {
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path))
        let error = #expect(throws: RunError.self) { try ResultsFolder(out) }
        #expect(error?.kind == .output)
        #expect(error?.description.contains("is a file; --out names a folder") == true)
    }

    @Test func statusOfAFolderWithoutAJob() throws {
        let missing = #expect(throws: RunError.self) { try StatusReport(out: out) }
        #expect(missing?.kind == .missing)
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        let empty = #expect(throws: RunError.self) { try StatusReport(out: out) }
        #expect(empty?.description.contains("no job has run here") == true)
    }

    @Test func statusOfAnInterruptedJob() throws {
        let simulated = SimulatedJob.pre
        var job = try simulated.job()
        try job.complete(simulated.rounds[0])
        try FileManager.default.createDirectory(
            atPath: out + "/checkpoint", withIntermediateDirectories: true)
        var store = JobStore(directory: out + "/checkpoint")
        try store.save(
            JobCheckpoint(
                job: simulated.digest, epoch: 2, progress: job.progress, configuration: "",
                roundLimit: 9))
        let report = try StatusReport(out: out)
        #expect(report.status.state == .interrupted)
        let lines = report.table.split(separator: "\n").map(String.init)
        #expect(lines[0] == "state        interrupted")
        #expect(lines[1] == "stage        correcting layer 1 of 3")
        #expect(lines[2] == "rounds       1 done of at most 9")
        #expect(lines.last?.contains("--resume") == true)
    }

    @Test func aReportNeedsAFinishedRun() throws {
        let missing = #expect(throws: RunError.self) { try ReportFolder(out: out).data() }
        #expect(missing?.kind == .missing)
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: out + "/ledger.json"))
        let damaged = #expect(throws: RunError.self) { try ReportFolder(out: out).data() }
        #expect(damaged?.kind == .data)
    }
}
