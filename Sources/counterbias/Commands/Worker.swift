// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CMemory
import Cluster
import Foundation
import Logging
import ZeroMQ

struct Worker: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute shards for a coordinator; needs nothing but its address.")

    @Option(help: ArgumentHelp("The coordinator's endpoint.", valueName: "tcp://HOST:PORT"))
    var connect: String

    @Option(help: "Compute threads.")
    var threads = 1

    @Option(help: ArgumentHelp("Secret key of this worker.", valueName: "FILE"))
    var key: String?

    @Option(help: ArgumentHelp("Public key of the coordinator.", valueName: "FILE"))
    var serverKey: String?

    @Option(
        help: ArgumentHelp(
            "End with 69 after so long of nothing but refused handshakes. Default: 120.",
            valueName: "SECONDS"))
    var giveUpAfter = 120.0

    @Flag(help: "Connect off loopback without keys.")
    var insecure = false

    /// Given by the parent itself: asking for it here could come after its end.
    @Option(
        help: ArgumentHelp(
            "End when this process is no longer the parent.", valueName: "PID", visibility: .hidden)
    )
    var exitWithParent: Int32?

    @Option(
        help: ArgumentHelp(
            "Serve Prometheus metrics on this loopback address.", valueName: "127.0.0.1:9464"))
    var metrics: String?

    @OptionGroup var logging: LoggingFlags

    func validate() throws {
        guard (1...1024).contains(threads) else {
            throw ValidationError("--threads must be 1 to 1024")
        }
        guard (0...1e9).contains(giveUpAfter) else {
            throw ValidationError("--give-up-after must be 0 to 1e9 seconds")
        }
    }

    func run() throws {
        keep_freed_memory()
        try reportingFailures {
            let logger = logging.logger("counterbias.worker", default: .info)
            try DescriptorLimit.raise()
            let stop = try StopSignal()
            let board = MetricsBoard(WorkerMetrics())
            if let metrics {
                try MetricsServer.start(metrics, logger: logger) { board.current.text }
            }
            let endpoint = try Endpoint(connect)
            var limits = WorkerLimits()
            limits.refusals = .seconds(giveUpAfter)
            let driver = try WorkerDriver(
                target: WorkerTarget(
                    endpoint: endpoint, security: try security(), insecure: insecure),
                threads: threads, stop: stop, parent: exitWithParent, limits: limits,
                logger: logger, metrics: board)
            switch try driver.run() {
            case .finished: break
            case .stopped: throw ExitCode(EX_TEMPFAIL)
            case .hung:
                throw CommandError(
                    EX_TEMPFAIL,
                    "a shard took longer than cluster.shard_lease_seconds of the coordinator's "
                        + "configuration: start this worker again")
            case .refused(let reason):
                throw CommandError(EX_UNAVAILABLE, "the coordinator refuses this worker: \(reason)")
            case .rejected(let rejection):
                throw CommandError(
                    EX_UNAVAILABLE,
                    "\(endpoint): every handshake was refused: "
                        + "\(rejection.text(hasKeys: key != nil)). \(remedy(for: rejection))")
            }
        }
    }

    private func remedy(for rejection: Rejection) -> String {
        switch (rejection, key, serverKey) {
        case (.keyNotAdmitted, let key?, _):
            "Copy the public key that belongs to \(key) into the folder of the coordinator's --allow"
        case (.mechanismMismatch, let key?, let serverKey?):
            "Start the coordinator with --key and --allow, or this worker without \(key) and \(serverKey)"
        case (.mechanismMismatch, _, _), (.brokenOff, nil, _):
            "Give --key and --server-key, or check address and port"
        case (.brokenOff, _, let serverKey?):
            "Compare \(serverKey) with the .pub file beside the coordinator's --key; the coordinator's log "
                + "names the failure"
        default:
            "Check address and port"
        }
    }

    private func security() throws -> ClientSecurity {
        switch (key, serverKey) {
        case (nil, nil): return .none
        case (let key?, let serverKey?):
            return .curve(
                try KeyFile.readSecret(key), serverKey: try KeyFile.readPublic(serverKey))
        default:
            throw ValidationError("--key and --server-key belong together")
        }
    }
}
