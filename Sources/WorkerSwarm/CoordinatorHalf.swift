// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Calibration
import Cluster
import Foundation
import JobState
import Logging
import Storage
import ZeroMQ

struct CoordinatorHalf: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Run a synthetic job and report what its rounds cost this process.")

    @Option(help: "Endpoint to bind; the real one is the first line printed.")
    var listen = "tcp://127.0.0.1:*"

    @Option(help: "Workers that will come; only for the figures.")
    var workers: Int

    @Option(help: "Shards of a round. Default: 4 per worker.")
    var shards: Int?

    @Option(help: "Rounds that count.")
    var rounds = 32

    @Option(help: "Biases that a task carries, at least one for each round's layer.")
    var biases = 128

    @Option(help: "Folder of the checkpoints.")
    var out: String

    @Option(help: "Secret key, for CURVE.")
    var key: String?

    @Option(help: "Allow-list, for CURVE.")
    var allow: String?

    func run() throws {
        ProcessFigures.raiseFileLimit()
        var logger = Logger(label: "coordinator") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        let security: ServerSecurity
        if let key, let allow {
            security = .curve(try KeyFile.readSecret(key), allowList: AllowList(path: allow))
        } else {
            security = .none
        }
        let listener = try CoordinatorListener(
            CoordinatorAddress(endpoint: try Endpoint(listen), security: security), logger: logger)
        let job = try SyntheticJob(
            biases: biases, shards: shards ?? 4 * workers, rounds: rounds
        ).make()
        let store = JobStore(directory: out)
        let figures = Figures(workers: workers)
        let driver = try CoordinatorDriver(
            job: job, store: store, listener: listener,
            limits: CoordinatorLimits(lease: .seconds(60)), stop: try StopSignal(), logger: logger,
            report: figures.take)
        print(listener.endpoint)
        fflush(nil)
        figures.begin()
        _ = try driver.run()
        listener.close()
        report(figures.values)
    }
}

/// Collects the driver's news.
private final class Figures {
    private let workers: Int
    private let clock = ContinuousClock()
    private var started: ContinuousClock.Instant
    private var memoryBefore = 0
    private var joinSeconds = 0.0
    private var joinProcessorSeconds = 0.0
    private var seconds = 0.0
    private var processorSeconds = 0.0
    private var memory = 0
    private var rounds = 0
    private var shards = 0

    init(workers: Int) {
        self.workers = workers
        started = clock.now
    }

    func begin() {
        started = clock.now
        memoryBefore = ProcessFigures.memory("VmRSS")
        joinProcessorSeconds = -ProcessFigures.processorSeconds
    }

    func take(_ news: CoordinatorNews) {
        switch news {
        case .workers(workers) where joinSeconds == 0:
            joinSeconds = (clock.now - started).seconds
            joinProcessorSeconds += ProcessFigures.processorSeconds
        case .roundFinished(let round, let seconds, let processorSeconds):
            // The other rounds wait for workers to come, or carry more than sums of one layer.
            guard case .layerSums = round.kind else { return }
            rounds += 1
            shards += round.shards.count
            self.seconds += seconds
            self.processorSeconds += processorSeconds
            memory = ProcessFigures.memory("VmRSS")
        default: break
        }
    }

    var values: [String: Double] {
        [
            "joinSeconds": joinSeconds, "joinProcessorSeconds": joinProcessorSeconds,
            "rounds": Double(rounds), "shards": Double(shards), "seconds": seconds,
            "processorSeconds": processorSeconds, "memoryBefore": Double(memoryBefore),
            "memory": Double(memory), "memoryPeak": Double(ProcessFigures.memory("VmHWM")),
        ]
    }
}
