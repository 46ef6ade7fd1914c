import Foundation
import Logging
import Synchronization

/// Results go to stdout, logs to stderr.
enum Console {
    static func print(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

    /// One JSON object with sorted keys.
    static func print(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// What a warning is about.
    enum Concern { case input, result }

    /// A warning for the person who runs the command: a line of its own on a terminal, a log record elsewhere.
    static func warn(_ text: String, of concern: Concern, logger: Logger) {
        if logFormat == .text, isatty(STDERR_FILENO) == 1 {
            FileHandle.standardError.write(Data("warning: \(text)\n".utf8))
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
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            cells.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return leftColumns.contains(column) ? cell + padding : padding + cell
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
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
