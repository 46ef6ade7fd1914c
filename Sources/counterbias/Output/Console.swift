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
