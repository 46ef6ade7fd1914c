// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import PrintableText
import Synchronization

/// Results go to stdout, logs to stderr.
enum Console {
    /// Lines of text; whoever makes them sees to it that nothing from outside adds some.
    static func print(_ text: String) { write(safe(text) + "\n", to: .standardOutput) }

    /// A failure, with the lines that its text has.
    static func fail(_ text: String) {
        StatusLine.clear()
        write("counterbias: \(safe(text))\n", to: .standardError)
    }

    /// Lines of which none steers a terminal or goes on without end.
    private static func safe(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.printable(bytes: PrintableText.lineBytes) }.joined(separator: "\n")
    }

    private static func write(_ text: String, to file: FileHandle) {
        file.write(Data(text.utf8))
    }

    /// One JSON object with sorted keys.
    static func print(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        write(JSONText.safe(try encoder.encode(value)) + "\n", to: .standardOutput)
    }

    /// What a warning is about.
    enum Concern { case input, result }

    /// A warning for the person who runs the command: a line of its own on a terminal, a log record
    /// elsewhere.
    static func warn(_ text: String, of concern: Concern, logger: Logger) {
        if logFormat == .text, isatty(STDERR_FILENO) == 1 {
            let line = "warning: \(text)".printable(bytes: PrintableText.lineBytes)
            write(line + "\n", to: .standardError)
            return
        }
        let metadata: Logger.Metadata = ["reason": "\(text)"]
        switch concern {
        case .input: logger.warning("check the input", metadata: metadata)
        case .result: logger.warning("check the result", metadata: metadata)
        }
    }

    /// Of all log lines of this process; set once, when its flags are known.
    static var logFormat: LogFormat {
        get { format.withLock { $0 } }
        set { format.withLock { $0 = newValue } }
    }

    private static let format = Mutex(LogFormat.text)

    static func logger(_ label: String, level: Logger.Level) -> Logger {
        var logger =
            logFormat == .json
            ? Logger(label: label) { JSONLogHandler(label: $0) }
            : Logger(label: label) { TextLogHandler(label: $0) }
        logger.logLevel = level
        return logger
    }
}

/// A table with aligned columns; numbers to the right.
struct TextTable {
    var header: [String]
    var rows: [[String]] = []
    /// Columns aligned to the left; all others to the right.
    var leftColumns: Set<Int> = [0]

    var text: String {
        let all = ([header] + rows).map { $0.map { $0.printable() } }
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            cells.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return leftColumns.contains(column) ? cell + padding : padding + cell
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        return ([line(all[0]), rule] + all.dropFirst().map(line)).joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}

extension Double {
    /// Fixed number of decimals, for tables.
    func formatted(decimals: Int) -> String {
        isInfinite ? (self > 0 ? "inf" : "-inf") : String(format: "%.\(decimals)f", self)
    }

    /// At most so many significant digits, without zeros at the end.
    func significant(digits: Int) -> String { String(format: "%.\(digits)g", self) }
}
