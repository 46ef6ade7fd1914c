import ArgumentParser
import Cluster
import Foundation
import Logging
import Settings
import ZeroMQ

struct Calibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Quantize a model and correct its biases with local worker processes.")

    @OptionGroup var flags: ConfigurationFlags

    @Option(help: "Local worker processes. Default: 2.")
    var workers: Int?

    @Option(help: "Threads of each worker. Default: 1.")
    var threads: Int?

    func run() throws {
        try reportingFailures {
            let configuration = try flags.resolved(workers: workers, threads: threads)
            let logger = flags.logging.logger("counterbias")
            let stop = try StopSignal()
            let directory = try PrivateDirectory()
            defer { directory.remove() }
            let endpoint = "ipc://\(directory.path)/coordinator"
            let local = LocalWorkers(
                arguments: [
                    "worker", "--connect", endpoint, "--threads",
                    "\(configuration.cluster.threads)", "--exit-with-parent", "\(getpid())",
                ] + flags.logging.arguments, logger: logger)
            let listener = try CoordinatorListener(
                CoordinatorAddress(endpoint: try Endpoint(endpoint), security: .none))
            // Workers start while the model loads.
            try local.start(configuration.cluster.workers)
            do {
                try CalibrationRun(
                    configuration: configuration, resumes: flags.resume, printsJSON: flags.json,
                    isQuiet: flags.logging.quiet, logger: logger
                ).run(listener: listener, stop: stop, upkeep: local.maintain)
                local.terminate()
            } catch {
                local.terminate()
                throw error
            }
        }
    }
}

/// A folder only this user can enter, for a socket.
struct PrivateDirectory {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "counterbias-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandError(
                EX_CANTCREAT,
                "no folder for the workers' socket can be made in \(NSTemporaryDirectory()): "
                    + String(cString: strerror(errno)))
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
