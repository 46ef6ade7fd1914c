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
    }

    func run() throws {
        keep_freed_memory()
        try reportingFailures {
            let stop = try StopSignal()
            let logger = logging.logger("counterbias.worker", default: .info)
            let board = MetricsBoard(WorkerMetrics())
            if let metrics {
                try MetricsServer.start(metrics, logger: logger) { board.current.text }
            }
            let driver = try WorkerDriver(
                target: WorkerTarget(
                    endpoint: try Endpoint(connect), security: try security(), insecure: insecure),
                threads: threads, stop: stop, parent: exitWithParent,
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
            }
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
