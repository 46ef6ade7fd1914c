import ArgumentParser
import Logging

/// How much is logged on stderr.
struct LoggingFlags: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Log every round and connection.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Log warnings and errors only; no progress.")
    var quiet = false

    func validate() throws {
        if verbose && quiet { throw ValidationError("--verbose and --quiet exclude each other") }
    }

    func logger(_ label: String, default level: Logger.Level = .notice) -> Logger {
        Console.logger(label, level: verbose ? .debug : quiet ? .warning : level)
    }

    /// For worker processes started by this one.
    var arguments: [String] { verbose ? ["--verbose"] : ["--quiet"] }
}
