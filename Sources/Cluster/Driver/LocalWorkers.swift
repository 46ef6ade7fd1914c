// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Logging
import Synchronization

/// Worker processes on this machine, started by `calibrate`; one that dies is replaced. One thread
/// may start them while another looks after those that run.
package final class LocalWorkers: Sendable {
    /// Local workers died faster than replacing them makes sense.
    package struct Exhausted: Error, CustomStringConvertible {
        /// Exit status of the latest, or the signal that killed it.
        package var status: Int32
        package var description: String {
            "local workers keep dying (last status \(status)); see their log lines above"
        }
    }

    private struct State {
        var processes: [Process] = []
        var replacements = 0
        /// They are told to end: none is replaced any more.
        var areEnding = false
    }

    private let executable: URL
    private let arguments: [String]
    private let logger: Logger
    private let state = Mutex(State())
    /// Replacements before giving up.
    private let limit = 20
    /// How long a worker may take to stop.
    private static let patience = Duration.seconds(3)

    /// - Parameters:
    ///   - arguments: of `counterbias`, `worker` first.
    ///   - logger: told of replacements.
    package init(arguments: [String], logger: Logger) {
        executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        self.arguments = arguments
        self.logger = logger
    }

    /// Starts that many processes. Throws what `Process.run` does; those started before it stay.
    package func start(_ count: Int) throws {
        for _ in 0..<count {
            try state.withLock { $0.processes.append(try launch()) }
        }
    }

    /// Replaces workers that ended before the job did.
    package func maintain() throws {
        try state.withLock { state in
            if state.areEnding { return }
            for (index, process) in state.processes.enumerated() where !process.isRunning {
                let status = process.terminationStatus
                guard state.replacements < limit else { throw Exhausted(status: status) }
                state.replacements += 1
                logger.warning(
                    "local worker ended, starting another",
                    metadata: ["pid": "\(process.processIdentifier)", "status": "\(status)"])
                state.processes[index] = try launch()
            }
        }
    }

    /// Ends those that have not ended by themselves, kills those that do not listen, and waits for
    /// all.
    package func terminate() {
        let processes = state.withLock { state in
            state.areEnding = true
            return state.processes
        }
        for process in processes where process.isRunning { process.terminate() }
        let deadline = ContinuousClock.now + Self.patience
        while processes.contains(where: \.isRunning), ContinuousClock.now < deadline {
            usleep(2_000)
        }
        for process in processes where process.isRunning {
            logger.warning(
                "local worker does not stop, killed",
                metadata: ["pid": "\(process.processIdentifier)"])
            kill(process.processIdentifier, SIGKILL)
        }
        for process in processes { process.waitUntilExit() }
    }

    private func launch() throws -> Process {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return process
    }
}
