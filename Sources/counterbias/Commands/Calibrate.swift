// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CMemory
import Cluster
import Foundation
import Logging
import Settings
import Storage
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
        keep_freed_memory()
        try reportingFailures {
            let logger = flags.logging.logger("counterbias")
            let (configuration, origin) = try flags.resolved(workers: workers, threads: threads)
            try DescriptorLimit.raise(children: configuration.cluster.workers)
            let stop = try StopSignal()
            let directory = try PrivateDirectory(in: NSTemporaryDirectory())
            defer { directory.remove() }
            let endpoint = "ipc://\(directory.path)/coordinator"
            let local = LocalWorkers(
                arguments: [
                    "worker", "--connect", endpoint, "--threads",
                    "\(configuration.cluster.threads)", "--exit-with-parent", "\(getpid())",
                ] + flags.logging.arguments, logger: logger)
            let listener = try CoordinatorListener(
                CoordinatorAddress(endpoint: try Endpoint(endpoint), security: .none),
                logger: logger,
                // A signal to the whole process group ends the workers too; they are not replaced.
                upkeep: { if stop.received == nil { try local.maintain() } })
            // Behind the end of the workers.
            defer { listener.close() }
            // Workers start while the model loads.
            try local.start(configuration.cluster.workers)
            do {
                try flags.calibrate(
                    configuration, origin, listener: listener, stop: stop, logger: logger)
                local.terminate()
            } catch {
                local.terminate()
                throw error
            }
        }
    }
}
