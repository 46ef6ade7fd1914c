// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A terminal of some width, as the stderr of a process sees it.
enum Terminal {
    struct Failure: Error { var step: String }

    /// What was written to it, and how the process ended.
    struct Outcome {
        var status: Int32
        var written: String
        var screen: Screen
    }

    /// Runs `counterbias` in the repository's root to its end.
    static func run(_ arguments: [String], columns: Int) throws -> Outcome {
        var (master, slave): (Int32, Int32) = (-1, -1)
        var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&master, &slave, nil, nil, &size) == 0 else {
            throw Failure(step: "openpty")
        }
        defer { close(master) }
        for descriptor in [master, slave] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let process = Process()
        process.executableURL = try Binary.counterbias()
        process.arguments = arguments
        process.currentDirectoryURL = Binary.root
        process.environment = ProcessInfo.processInfo.environment.filter { $0.key != "COLUMNS" }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
        try process.run()
        close(slave)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // Fails when the last process that holds the other side has ended.
        while true {
            let count = read(master, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        process.waitUntilExit()
        let written = String(decoding: bytes, as: UTF8.self)
        var screen = Screen(columns: columns)
        screen.put(written)
        return Outcome(status: process.terminationStatus, written: written, screen: screen)
    }
}

/// What a terminal shows of text with carriage returns, line feeds and "erase to the end of the
/// line". It wraps as terminals do.
struct Screen {
    let columns: Int
    private(set) var rows: [[Character]] = [[]]
    private var column = 0
    /// Lines that went on in the next row.
    private(set) var wraps = 0

    init(columns: Int) { self.columns = columns }

    var text: String { rows.map { String($0) }.joined(separator: "\n") }

    mutating func put(_ text: String) {
        // A carriage return and a line feed are one character to Swift.
        var rest = text.replacingOccurrences(of: "\r\n", with: "\n")[...]
        while let character = rest.first {
            rest.removeFirst()
            switch character {
            case "\r": column = 0
            case "\n":
                rows.append([])
                column = 0
            case "\u{1B}":
                guard rest.hasPrefix("[K") else { preconditionFailure("another escape sequence") }
                rest.removeFirst(2)
                rows[rows.count - 1].removeLast(max(rows[rows.count - 1].count - column, 0))
            default:
                if column == columns {
                    wraps += 1
                    rows.append([])
                    column = 0
                }
                let row = rows.count - 1
                if column < rows[row].count {
                    rows[row][column] = character
                } else {
                    rows[row].append(character)
                }
                column += 1
            }
        }
    }
}
