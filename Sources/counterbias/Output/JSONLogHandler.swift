// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import PrintableText

/// One JSON object per event and line on stderr: `time` (RFC 3339, UTC), `level`, `logger`,
/// `event`, and `metadata` if there is any.
struct JSONLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level = .info

    init(label: String) { self.label = label }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }
            .merging(event.metadata ?? [:]) { $1 }
        Self.write(
            level: event.level, logger: label, event: "\(event.message)",
            metadata: all.mapValues { "\($0)".cut(bytes: PrintableText.lineBytes) })
    }

    /// A line in one write, so that processes that share a stderr do not mix theirs.
    static func write(
        level: Logger.Level, logger: String, event: String, metadata: [String: String]
    ) {
        struct Line: Encodable {
            var time: String
            var level: String
            var logger: String
            var event: String
            var metadata: [String: String]?
        }
        let time = Date().formatted(
            Date.ISO8601FormatStyle(includingFractionalSeconds: true, timeZone: .gmt))
        let line = Line(
            time: time, level: level.rawValue, logger: logger, event: event,
            metadata: metadata.isEmpty ? nil : metadata)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(line) else { return }
        FileHandle.standardError.write(Data((JSONText.safe(data) + "\n").utf8))
    }
}
