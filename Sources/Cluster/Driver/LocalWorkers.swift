import Foundation
package import Logging

/// Worker processes on this machine, started by `calibrate`; one that dies is replaced.
package final class LocalWorkers {
    /// Local workers died faster than replacing them makes sense.
    package struct Exhausted: Error, CustomStringConvertible {
        package var status: Int32
        package var description: String {
            "local workers keep dying (last status \(status)); see their log lines above"
        }
    }

    private let executable: URL
    private let arguments: [String]
    private let logger: Logger
    private var processes: [Process] = []
    private var replacements = 0
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

    package func start(_ count: Int) throws {
        for _ in 0..<count { processes.append(try launch()) }
    }

    /// Replaces workers that ended before the job did.
    package func maintain() throws {
        for (index, process) in processes.enumerated() where !process.isRunning {
            guard replacements < limit else { throw Exhausted(status: process.terminationStatus) }
            replacements += 1
            logger.warning(
                "local worker ended, starting another",
                metadata: [
                    "pid": "\(process.processIdentifier)", "status": "\(process.terminationStatus)",
                ])
            processes[index] = try launch()
        }
    }

    /// Ends those that have not ended by themselves, kills those that do not listen, and waits for all.
    package func terminate() {
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
