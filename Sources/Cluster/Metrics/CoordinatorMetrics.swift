// SPDX-License-Identifier: Apache-2.0

import Calibration
import Release

/// What a coordinator counts, as a value; fed by its driver, read by whoever scrapes.
package struct CoordinatorMetrics: Hashable, Sendable {
    /// A shard in a worker's hands.
    private struct Handout: Hashable {
        var worker: WorkerID
        var round: Int
        var shard: Int
    }

    private struct Tuning: Hashable {
        var epoch: Int
        var step: Int
        var loss: Double?
    }

    private var workers = 0
    private var roundsDone = 0
    private var roundLimit = 0
    private var round = 0
    private var shardsDone = 0
    private var shardsTotal = 0
    private var results = 0
    private var resultsIgnored: [IgnoredResult: Int] = [:]
    private var shardsRequeued = 0
    private var shardsFailed = 0
    private var workersLost = 0
    private var workersRefused = 0
    private var workersQuarantined = 0
    private var stragglersDuplicated = 0
    private var resultsDiffering = 0
    private var bytesSent = 0
    private var bytesReceived = 0
    private var shardSeconds = Histogram.shardSeconds
    private var handouts: [Handout: Duration] = [:]
    private var tuning: Tuning?

    /// All counters at zero.
    package init() {}

    // MARK: What happens on the wire

    /// Bytes of a message handed to libzmq, header and payload.
    package mutating func sent(bytes: Int) { bytesSent += bytes }
    /// Bytes of frames from a peer that may be heard, malformed ones included.
    package mutating func received(bytes: Int) { bytesReceived += bytes }

    /// A shard went out to a worker.
    package mutating func handedOut(_ id: TaskID, to worker: WorkerID, at now: Duration) {
        handouts[Handout(worker: worker, round: id.round, shard: id.shard)] = now
    }

    /// A result came back, whether it counts or not.
    package mutating func answered(_ id: TaskID, by worker: WorkerID, at now: Duration) {
        results += 1
        let handout = Handout(worker: worker, round: id.round, shard: id.shard)
        guard let since = handouts.removeValue(forKey: handout) else { return }
        shardSeconds.add((now - since).seconds)
    }

    /// What the protocol says of it. Events that are not counted are ignored.
    package mutating func observe(_ entry: CoordinatorLog) {
        switch entry {
        case .workerLost(let account, _, let shards):
            workersLost += 1
            shardsRequeued += shards.count
            handouts = handouts.filter { $0.key.worker != account.worker }
        case .workerRefused: workersRefused += 1
        case .workerQuarantined: workersQuarantined += 1
        case .stragglerDuplicated: stragglersDuplicated += 1
        case .resultsDiffer: resultsDiffering += 1
        case .resultIgnored(_, _, let reason): resultsIgnored[reason, default: 0] += 1
        case .shardFailed(let worker, let id, _):
            shardsFailed += 1
            let handout = Handout(worker: worker, round: id.round, shard: id.shard)
            if handouts.removeValue(forKey: handout) != nil { shardsRequeued += 1 }
        default: break
        }
    }

    /// How the job gets on.
    package mutating func observe(_ news: CoordinatorNews) {
        switch news {
        case .workers(let count): workers = count
        case .progress(let round, let done, let total, let limit):
            if round.index != self.round {
                // Of earlier rounds nothing is waited for.
                handouts = handouts.filter { $0.key.round >= round.index }
            }
            self.round = round.index
            (shardsDone, shardsTotal, roundLimit) = (done, total, limit)
        case .roundFinished(let round, _, _):
            roundsDone = round.index + 1
            shardsDone = shardsTotal
        case .tuned(let stage):
            let progress = stage.progress
            tuning = Tuning(
                epoch: max(0, progress.validationLosses.count - 1),
                step: progress.stepLosses.count,
                loss: progress.stepLosses.last ?? progress.validationLosses.last)
        case .quantized: break
        }
    }

    // MARK: Exposition

    /// The page a scrape gets.
    package var text: String { families.map(\.text).joined() }

    private var families: [MetricFamily] {
        var build = MetricFamily(
            "counterbias_build_info", .gauge, help: "Always 1; the labels name the release.")
        build.add(1, labels: [("version", Build.version), ("role", "coordinator")])
        var ignored = MetricFamily(
            "counterbias_results_ignored_total", .counter,
            help: "Results that were late, there already, or not asked of their sender.")
        for reason in IgnoredResult.allCases {
            ignored.add(
                Double(resultsIgnored[reason] ?? 0), labels: [("reason", reason.rawValue)])
        }
        func counter(_ name: String, _ value: Int, _ help: String) -> MetricFamily {
            MetricFamily("counterbias_\(name)_total", .counter, Double(value), help: help)
        }
        func gauge(_ name: String, _ value: Double, _ help: String) -> MetricFamily {
            MetricFamily("counterbias_\(name)", .gauge, value, help: help)
        }
        var list = [
            build, gauge("workers_connected", Double(workers), "Workers admitted and not lost."),
            gauge("rounds_done", Double(roundsDone), "Rounds of the job that are done."),
            gauge("rounds_limit", Double(roundLimit), "Rounds the job takes at most."),
            gauge("round", Double(round), "Index of the round in work, from 0."),
            gauge("round_shards_done", Double(shardsDone), "Shards of it that are done."),
            gauge("round_shards", Double(shardsTotal), "Shards of it in all."),
            counter("results_received", results, "Results of shards, those ignored included."),
            ignored, counter("shards_requeued", shardsRequeued, "Shards taken from a worker."),
            counter("shards_failed", shardsFailed, "Failures that workers reported."),
            counter("workers_lost", workersLost, "Workers that left or were given up."),
            counter("workers_refused", workersRefused, "Workers that were not admitted."),
            counter(
                "workers_quarantined", workersQuarantined,
                "Workers shut out because their results were wrong."),
            counter(
                "stragglers_duplicated", stragglersDuplicated,
                "Shards a second worker computes because they take too long."),
            counter("results_differing", resultsDiffering, "Shards whose results differed."),
            counter("bytes_sent", bytesSent, "Bytes of messages to workers."),
            counter("bytes_received", bytesReceived, "Bytes of messages from workers."),
            MetricFamily(
                "counterbias_shard_seconds", shardSeconds,
                help: "From handing a shard out to its result."),
        ]
        if let tuning {
            list.append(gauge("tuning_epoch", Double(tuning.epoch), "Epochs done."))
            list.append(gauge("tuning_step", Double(tuning.step), "Steps done."))
            if let loss = tuning.loss {
                list.append(gauge("tuning_loss", loss, "Mean loss per image of the latest step."))
            }
        }
        return list
    }
}
