// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import JobInputs
package import Report
import Settings
import Storage

/// The results of a finished run, as files.
package struct ReportFolder {
    private let out: String

    /// Far above the numbers of any network.
    static let maximumBytes = 256 << 20

    /// Names the folder; ``data()`` reads it.
    package init(out: String) { self.out = out }

    /// - Throws: ``RunError`` naming the file that is missing or unusable. A missing time line
    ///   leaves out its section.
    package func data() throws -> ReportData {
        let ledger: Ledger = try read("ledger.json")
        let summary: CalibrationResults.Summary = try read("run.json")
        let hasTimeline = FileManager.default.fileExists(atPath: out + "/timeline.json")
        return ReportData(
            ledger: ledger, run: ReportData.Run(summary),
            timeline: hasTimeline ? try read("timeline.json") : nil)
    }

    private func read<Value: Decodable>(_ name: String) throws -> Value {
        let path = out + "/" + name
        let bytes: [UInt8]
        do {
            bytes = try POSIXFileSystem().read(path, limit: Self.maximumBytes)
        } catch {
            throw RunError(
                .missing,
                "\(path): cannot be read (\(error.reason)); a finished calibrate or coordinator writes it"
            )
        }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw RunError(
                .data, "\(path): damaged, or of another release (\(error)); calibrate again")
        }
    }
}

extension ReportData.Run {
    init(_ summary: CalibrationResults.Summary) {
        let timings = summary.timings
        let stages = [
            ("load", timings.load), ("images", timings.images), ("statistics", timings.statistics),
            ("correction", timings.correction),
            ("fine-tuning", timings.tuning + timings.tuningMeasurement),
            ("measurement", timings.measurement), ("total", timings.total),
        ]
        self.init(
            version: summary.version, settings: summary.configuration.keyValues,
            digests: summary.digests.sorted { $0.key < $1.key }.map {
                (name: $0.key, hex: $0.value)
            },
            timings: stages.map { (stage: $0.0, seconds: $0.1) }, rounds: summary.rounds,
            images: summary.images,
            skippedImages: summary.skippedImages.map { (file: $0.file, reason: $0.reason) },
            deadChannels: summary.deadChannels, warnings: summary.warnings)
    }
}
