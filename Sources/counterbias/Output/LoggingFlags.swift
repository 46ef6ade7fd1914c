// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging

/// How much is logged on stderr, and in which form.
struct LoggingFlags: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Log every round and connection.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Log warnings and errors only; no progress.")
    var quiet = false

    @Option(help: "Log lines as text, or as one JSON object each.")
    var logFormat = LogFormat.text

    func validate() throws {
        if verbose && quiet { throw ValidationError("--verbose and --quiet exclude each other") }
    }

    func logger(_ label: String, default level: Logger.Level = .notice) -> Logger {
        Console.logFormat = logFormat
        return Console.logger(label, level: verbose ? .debug : quiet ? .warning : level)
    }

    /// For worker processes started by this one.
    var arguments: [String] {
        [verbose ? "--verbose" : "--quiet", "--log-format", logFormat.rawValue]
    }
}

enum LogFormat: String, CaseIterable, ExpressibleByArgument { case text, json }
