// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Programs of the system that tests use.
enum Tool {
    struct Failure: Error, CustomStringConvertible {
        var command: [String]
        var status: Int32
        var output: String
        var description: String {
            "status \(status) of \(command.joined(separator: " ")): \(output)"
        }
    }

    /// Runs a command to its end.
    /// - Returns: what it wrote.
    /// - Throws: ``Failure`` unless it ends with status 0.
    @discardableResult
    static func run(_ command: String...) throws -> String { try run(command) }

    @discardableResult
    static func run(_ command: [String]) throws -> String {
        let process = make(command)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let output = String(decoding: data, as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw Failure(command: command, status: process.terminationStatus, output: output)
        }
        return output
    }

    static func start(_ command: String...) throws -> Process {
        let process = make(command)
        try process.run()
        return process
    }

    private static func make(_ command: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = FileHandle.nullDevice
        return process
    }
}
