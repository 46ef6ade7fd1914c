// SPDX-License-Identifier: Apache-2.0

import Foundation
import PrintableText
import Synchronization

/// The line on a terminal that is drawn again and again while something is in work. It never wraps:
/// what of a wrapped line has scrolled up can no longer be taken away. Whatever else this process
/// writes on stderr takes it away first.
enum StatusLine {
    /// Whether stderr shows one: on a terminal, unless log lines are objects.
    static var isPossible: Bool { isatty(STDERR_FILENO) == 1 && Console.logFormat == .text }

    private static let isShown = Mutex(false)

    static func show(_ progress: Progress) {
        isShown.withLock { isShown in
            // The last column stays free: some terminals wrap as soon as it is taken.
            write("\r\u{1B}[K" + progress.text(columns: columns - 1))
            isShown = true
        }
    }

    /// Takes the line away, so that what follows starts on a clean one.
    static func clear() {
        isShown.withLock { isShown in
            if isShown { write("\r\u{1B}[K") }
            isShown = false
        }
    }

    /// A line that stays.
    static func print(_ line: String) {
        clear()
        write(line.printable(bytes: PrintableText.lineBytes) + "\n")
    }

    /// Of the terminal as it is now, since it may be resized at any time; `COLUMNS` overrides.
    private static var columns: Int {
        if let text = ProcessInfo.processInfo.environment["COLUMNS"], let columns = Int(text),
            columns > 0
        {
            return columns
        }
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return 80
        }
        return Int(size.ws_col)
    }

    private static func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}

extension StatusLine {
    /// How far something is, as a bar and in words.
    struct Progress {
        /// 0 to 1.
        var share: Double
        /// The most important first: what does not fit is cut off.
        var parts: [String]

        func text(columns: Int) -> String {
            let width = min(30, columns / 4)
            let filled = min(width, Int(share * Double(width)))
            let bar =
                String(repeating: "█", count: filled)
                + String(repeating: "░", count: width - filled)
            return ([bar] + [parts.joined(separator: "  ")]).joined(separator: " ")
                .fitted(columns: columns)
        }
    }
}
