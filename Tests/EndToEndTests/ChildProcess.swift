// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A real `counterbias` process with its output captured line by line. Every wait has a deadline;
/// one that passes kills the process and fails with what it wrote.
final class ChildProcess: @unchecked Sendable {
    // Sendable: everything mutable is read and written under `condition`.

    /// The process did not do what was waited for, or could not be started.
    struct Failure: Error, CustomStringConvertible {
        var what: String
        var command: String
        var output: String
        var description: String { "\(what)\n$ counterbias \(command)\n\(output)" }
    }

    /// What a finished process leaves.
    struct Outcome {
        /// Exit code, or minus the signal that ended it.
        var status: Int32
        var output: String
        var log: String
    }

    /// Generous: it is a bound, not a measurement.
    static let deadline = 60.0

    private let process = Process()
    private let command: String
    private let condition = NSCondition()
    private var output = Data()
    private var log = Data()
    private var openPipes = 2
    private let vitals: VitalsRecord
    private let flatness = StaysFlat.watch
    private var isWatched = false
    private var hasExited = false
    /// Complete lines of the log, and how many of them waits have consumed.
    private var lines: [String] = []
    private var consumed = 0

    /// Starts `counterbias` in the repository's root, in the network of `host` (nil: this process's
    /// own) and with `environment` added to this process's own.
    init(
        _ arguments: [String], on host: Laboratory.Host? = nil, environment: [String: String] = [:]
    ) throws {
        command = arguments.joined(separator: " ")
        vitals = VitalsRecord(command: command)
        flatness?.add(vitals)
        let binary = try Binary.counterbias()
        if let host {
            // Both replace themselves by the program, so the process id stays.
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments =
                ["nsenter", "--net=/run/netns/" + host.namespace, binary.path] + arguments
        } else {
            process.executableURL = binary
            process.arguments = arguments
        }
        process.currentDirectoryURL = Binary.root
        if !environment.isEmpty {
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        }
        process.standardInput = FileHandle.nullDevice
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        process.terminationHandler = { [weak self] _ in
            guard let self else { return }
            condition.withLock {
                self.hasExited = true
                self.condition.broadcast()
            }
        }
        try process.run()
        follow(out) { $0.output += $1 }
        follow(err) { child, data in
            child.log += data
            child.splitLog()
            child.watch()
        }
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var identifier: Int32 { process.processIdentifier }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// Stops the process and returns when all its threads stand still.
    func pause() {
        signal(SIGSTOP)
        var information = siginfo_t()
        // Leaves the news to whoever waits for the end.
        while waitid(P_PID, id_t(identifier), &information, WSTOPPED | WNOWAIT) != 0, errno == EINTR
        {}
    }

    /// Waits for the next line of the log that contains all `parts`, looking behind the lines
    /// earlier waits saw.
    @discardableResult
    func line(containing parts: String...) throws -> String {
        var found: String?
        try wait(for: "a log line with \(parts)") {
            while consumed < lines.count {
                let line = lines[consumed]
                consumed += 1
                if parts.allSatisfy(line.contains) {
                    found = line
                    return true
                }
            }
            // No more lines will come.
            return openPipes == 0
        }
        guard let found else { throw failure("ended without a log line with \(parts)") }
        return found
    }

    /// Waits until some line of the log contains all `parts`, also one that earlier waits saw.
    func hasLogged(_ parts: String...) throws {
        var looked = 0
        var isFound = false
        try wait(for: "a log line with \(parts)") {
            defer { looked = lines.count }
            isFound = lines[looked...].contains { line in parts.allSatisfy(line.contains) }
            return isFound || openPipes == 0
        }
        guard isFound else { throw failure("ended without a log line with \(parts)") }
    }

    /// Waits until the disk holds the state behind so many rounds: rounds do not wait for it.
    func hasSaved(rounds: Int) throws {
        var looked = 0
        try wait(for: "a checkpoint behind \(rounds) rounds") {
            defer { looked = lines.count }
            return openPipes == 0
                || lines[looked...].contains { line in
                    line.contains("checkpoint saved")
                        && line.firstMatch(of: /rounds=(\d+)/)
                            .flatMap { Int($0.output.1) }.map { $0 >= rounds } ?? false
                }
        }
    }

    /// Waits for the end of the process and of its output.
    func finish() throws -> Outcome {
        try wait(for: "its end") { hasExited && openPipes == 0 }
        return condition.withLock { outcome }
    }

    var isRunning: Bool { condition.withLock { !hasExited } }

    /// Kills the process and waits until it is gone.
    func end(by number: Int32 = SIGKILL) throws {
        signal(number)
        try wait(for: "its end after signal \(number)") { hasExited }
    }

    /// Everything logged so far.
    var logText: String { condition.withLock { String(decoding: log, as: UTF8.self) } }

    /// Runs a command to its end.
    static func run(_ arguments: [String]) throws -> Outcome {
        try ChildProcess(arguments).finish()
    }

    static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    // MARK: Waiting

    /// Called with the lock held.
    private var outcome: Outcome {
        let status = process.terminationStatus
        return Outcome(
            status: process.terminationReason == .uncaughtSignal ? -status : status,
            output: String(decoding: output, as: UTF8.self),
            log: String(decoding: log, as: UTF8.self))
    }

    private func wait(for what: String, _ isDone: () -> Bool) throws {
        let limit = Date(timeIntervalSinceNow: Self.deadline)
        condition.lock()
        defer { condition.unlock() }
        while !isDone() {
            guard condition.wait(until: limit) else {
                kill(process.processIdentifier, SIGKILL)
                throw Failure(
                    what: "waited \(Self.deadline) s for \(what)", command: command,
                    output: String(decoding: log, as: UTF8.self))
            }
        }
    }

    private func failure(_ what: String) -> Failure {
        Failure(what: what, command: command, output: logText)
    }

    private func follow(_ pipe: Pipe, _ store: @escaping @Sendable (ChildProcess, Data) -> Void) {
        let handle = pipe.fileHandleForReading
        // A thread per pipe: it sits in read(2) until the last writer is gone.
        Thread.detachNewThread { [weak self] in
            while true {
                let data = handle.availableData
                guard let self else { return }
                condition.withLock {
                    if data.isEmpty { self.openPipes -= 1 } else { store(self, data) }
                    self.condition.broadcast()
                }
                if data.isEmpty { return }
            }
        }
    }

    /// Looks at what the process and its own workers hold, now and from its first line to its end.
    private func watch() {
        guard vitals.look(at: identifier), !isWatched else { return }
        isWatched = true
        Thread.detachNewThread { [vitals, flatness, identifier, command] in
            var children: [Int32: VitalsRecord] = [:]
            while vitals.look(at: identifier) {
                for child in Vitals.children(of: identifier) {
                    let record = children[child] ?? VitalsRecord(command: "worker of " + command)
                    record.look(at: child)
                    guard children.updateValue(record, forKey: child) == nil else { continue }
                    flatness?.add(record)
                }
                usleep(20_000)
            }
        }
    }

    private func splitLog() {
        let text = String(decoding: log, as: UTF8.self)
        var all = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // The last piece is not a whole line yet.
        if !all.isEmpty { all.removeLast() }
        lines = all
    }
}
