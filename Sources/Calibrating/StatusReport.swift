// SPDX-License-Identifier: Apache-2.0

import Foundation
import JobInputs
package import JobState
import PrintableText
import Storage

/// Reads where a job stands from its folder. Starts nothing, writes nothing, keeps no lock.
package struct StatusReport {
    private let out: String
    /// As found when this was made.
    package let status: JobStatus

    /// Looks again when a coordinator at work replaces files between two steps of a look.
    private static let attempts = 5

    /// - Parameter out: folder of the results.
    /// - Throws: ``RunError`` if there is no job, `CheckpointError` or `StorageError` if its
    ///   checkpoint cannot be used.
    package init(out: String) throws {
        self.out = out
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: out, isDirectory: &isFolder) else {
            throw RunError(
                .missing, "\(out): there is no such folder; give the --out of the job")
        }
        guard isFolder.boolValue else {
            throw RunError(.missing, "\(out): not a folder; give the --out of the job")
        }
        for _ in 1..<Self.attempts {
            do {
                if let status = try Self.look(out) {
                    self.status = status
                    return
                }
            } catch {
                // What looks damaged may only have been replaced; if not, the last look says so.
                guard try DirectoryLock.look(directory: out) != .free else { throw error }
            }
        }
        guard let status = try Self.look(out) else {
            throw RunError(
                .missing, "\(out): no job has run here; give the --out of the job")
        }
        self.status = status
    }

    /// Nil if nothing has run here.
    private static func look(_ out: String) throws -> JobStatus? {
        let lock = try DirectoryLock.look(directory: out)
        var store = JobStore(directory: out + "/checkpoint")
        guard let loaded = try store.load() else {
            if lock == .free { return nil }
            var status = JobStatus(saved: nil, lock: lock, hasResults: false)
            status.next = next(status, record: nil, out: out)
            return status
        }
        let (checkpoint, file) = (loaded.checkpoint, loaded.file)
        var warnings = file.warnings
        if let reason = loaded.statisticsProblem {
            warnings.append(
                "\(store.statisticsPath) is unusable, --resume computes it again: \(reason)")
        }
        let description = try? JSONDecoder().decode(
            JobDescription.self, from: Data(checkpoint.configuration.utf8))
        var status = JobStatus(
            saved: (
                checkpoint,
                JobStatus.Checkpoint(
                    path: file.path, generation: file.generation, ageSeconds: age(of: file.path),
                    isFallback: file.damaged.contains { $0.generation > file.generation })
            ), options: description?.options, imageCount: description?.imageCount ?? 0, lock: lock,
            hasResults: resultsJob(out) == checkpoint.job.hex)
        status.warnings = warnings
        let record = JobRecord.read(from: store.directory, of: checkpoint.job)
        status.next = next(status, record: record, out: out)
        return status
    }

    private static func age(of path: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let written = attributes?[.modificationDate] as? Date else { return 0 }
        return max(0, Date().timeIntervalSince(written))
    }

    /// Which job the results in the folder belong to.
    private static func resultsJob(_ out: String) -> String? {
        struct Run: Decodable { var digests: [String: String] }
        guard FileManager.default.fileExists(atPath: out + "/model.int8.onnx"),
            let bytes = try? POSIXFileSystem().read(
                out + "/run.json", limit: ReportFolder.maximumBytes)
        else { return nil }
        return try? JSONDecoder().decode(Run.self, from: Data(bytes)).digests["job"]
    }

    private static func next(_ status: JobStatus, record: JobRecord?, out: String) -> String {
        let resume =
            record?.resumeCommand
            ?? "counterbias calibrate --resume --out \(out), with the other flags of its start"
        switch status.state {
        case .running:
            let pid =
                status.coordinator.map { "kill -TERM \($0.pid) stops it" } ?? "SIGTERM stops it"
            return "wait; \(pid), and --resume goes on"
        case .interrupted: return resume
        case .finished: return "nothing; the model is \(out)/model.int8.onnx"
        }
    }

    /// What `status` prints.
    package var table: String {
        var rows: [(String, String)] = [("state", stateText)]
        rows.append(("stage", stageText))
        let limit = status.roundsAtMost.map { " of at most \($0)" } ?? ""
        rows.append(("rounds", "\(status.roundsDone) done\(limit)"))
        if let checkpoint = status.checkpoint {
            rows.append(("incarnation", "\(status.incarnation)"))
            let fallback = checkpoint.isFallback ? "; the newest one is damaged" : ""
            rows.append(
                (
                    "checkpoint",
                    "\(checkpoint.path), \(Self.text(seconds: checkpoint.ageSeconds)) old\(fallback)"
                ))
        }
        for warning in status.warnings { rows.append(("warning", warning)) }
        rows.append(("next", status.next))
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2)
                + value.printable(bytes: PrintableText.lineBytes)
        }.joined(separator: "\n")
    }

    private var stateText: String {
        guard status.state == .running else { return status.state.rawValue }
        guard let holder = status.coordinator else { return "running" }
        return "running (process \(holder.pid) on \(holder.host))"
    }

    private var stageText: String {
        let stage = status.stage
        var parts = [stage.name]
        switch stage.name {
        case "correcting":
            parts = ["correcting layer \(stage.layer ?? 0)" + of(stage.layers)]
        case "tuning":
            parts = ["fine-tuning"]
            if let epoch = stage.epoch { parts.append("epoch \(epoch)" + of(stage.epochs)) }
            if let step = stage.step { parts.append("step \(step)" + of(stage.steps)) }
            if let loss = stage.loss { parts.append("loss \(loss.significant)") }
        case "writing": parts = ["computed, results not written"]
        default: break
        }
        return parts.joined(separator: ", ")
    }

    private func of(_ total: Int?) -> String { total.map { " of \($0)" } ?? "" }

    private static func text(seconds: Double) -> String {
        switch seconds {
        case ..<120: "\(Int(seconds)) s"
        case ..<7_200: "\(Int(seconds / 60)) min"
        case ..<172_800: "\(Int(seconds / 3_600)) h"
        default: "\(Int(seconds / 86_400)) days"
        }
    }
}
