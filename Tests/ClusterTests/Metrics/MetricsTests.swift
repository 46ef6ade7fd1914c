// SPDX-License-Identifier: Apache-2.0

import Calibration
import Release
import Storage
import Testing

@testable import Cluster

@Suite struct MetricsTests {
    private let job = Digest.sha256(of: "job")

    private func id(_ round: Int, _ shard: Int) -> TaskID {
        TaskID(job: job, epoch: 1, round: round, shard: shard, attempt: 0)
    }

    private var hello: Hello {
        Hello(golden: job, host: "h", process: 1, threads: 1, isa: "x", build: "0")
    }

    @Test func expositionFormat() {
        var family = MetricFamily("a_total", .counter, help: "Two\nlines, one \\.")
        family.add(3, labels: [("reason", "a \"b\"\n\\")])
        family.add(0.25)
        #expect(
            family.text == #"""
                # HELP a_total Two\nlines, one \\.
                # TYPE a_total counter
                a_total{reason="a \"b\"\n\\"} 3
                a_total 0.25

                """#)
        for (value, text) in [
            (Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (-2, "-2"),
            (1e300, "1e+300"),
        ] {
            #expect(MetricFamily("g", .gauge, value, help: "").text.hasSuffix("\ng \(text)\n"))
        }
    }

    @Test func histogramsAreCumulative() {
        var histogram = Histogram(bounds: [0.5, 2])
        for value in [0.5, 1, 1, 7] { histogram.add(value) }
        #expect(histogram.count == 4)
        #expect(
            MetricFamily("t", histogram, help: "h").text == """
                # HELP t h
                # TYPE t histogram
                t_bucket{le="0.5"} 1
                t_bucket{le="2"} 3
                t_bucket{le="+Inf"} 4
                t_sum 9.5
                t_count 4

                """)
    }

    @Test func theCoordinatorCounts() {
        var metrics = CoordinatorMetrics()
        let (a, b) = (WorkerID(1), WorkerID(2))
        let round = Round(
            index: 3, kind: .statistics,
            shards: (0..<4).map { Shard(index: $0, images: [$0]) })
        metrics.observe(.workers(2))
        for shard in 0..<4 {
            metrics.handedOut(id(3, shard), to: shard < 2 ? a : b, at: .seconds(10))
        }
        metrics.sent(bytes: 1_000)
        metrics.received(bytes: 10)
        metrics.received(bytes: 5)
        metrics.answered(id(3, 0), by: a, at: .seconds(12))
        metrics.observe(.workerLost(Account(b, hello), .disconnected, shards: [2, 3]))
        metrics.observe(.shardFailed(a, id(3, 1), reason: "r"))
        // Lost with its worker: its time says nothing.
        metrics.answered(id(3, 2), by: b, at: .seconds(99))
        metrics.observe(.resultIgnored(b, id(3, 2), .stale))
        metrics.observe(.progress(round: round, done: 1, total: 4, roundLimit: 7))
        metrics.observe(.roundOpened(round))
        let text = metrics.text
        for line in [
            "counterbias_workers_connected 2", "counterbias_round 3", "counterbias_rounds_done 0",
            "counterbias_rounds_limit 7", "counterbias_round_shards_done 1",
            "counterbias_round_shards 4", "counterbias_results_received_total 2",
            "counterbias_results_ignored_total{reason=\"stale\"} 1",
            "counterbias_results_ignored_total{reason=\"duplicate\"} 0",
            "counterbias_shards_requeued_total 3", "counterbias_shards_failed_total 1",
            "counterbias_workers_lost_total 1", "counterbias_bytes_sent_total 1000",
            "counterbias_bytes_received_total 15", "counterbias_shard_seconds_sum 2",
            "counterbias_shard_seconds_count 1",
            "counterbias_build_info{version=\"\(Build.version)\",role=\"coordinator\"} 1",
        ] {
            #expect(text.contains("\n\(line)\n"), "\(line) in:\n\(text)")
        }
        #expect(!text.contains("tuning"))
        metrics.observe(.roundFinished(round, seconds: 1, processorSeconds: 1))
        #expect(metrics.text.contains("\ncounterbias_rounds_done 4\n"))
        expectWellFormed(metrics.text)
    }

    @Test func theWorkerCounts() {
        var metrics = WorkerMetrics()
        metrics.connecting()
        #expect(metrics.text.contains("\ncounterbias_worker_connected 0\n"))
        metrics.observe(.welcomed(Welcome(job: job, epoch: 1, network: job)))
        metrics.started(id(0, 0), at: .seconds(1))
        metrics.finished(id(0, 0), succeeded: true, at: .milliseconds(1_250))
        metrics.finished(id(0, 1), succeeded: false, at: .seconds(3))
        metrics.sent(bytes: 7)
        metrics.received(
            bytes: 9, .chunk(BlobChunk(digest: job, offset: 0, total: 4, bytes: [1, 2, 3, 4])))
        metrics.received(bytes: 1, nil)
        for line in [
            "counterbias_worker_connected 1", "counterbias_worker_connections_total 1",
            "counterbias_worker_shards_computed_total 1",
            "counterbias_worker_shards_failed_total 1",
            "counterbias_worker_compute_seconds_sum 0.25", "counterbias_bytes_sent_total 7",
            "counterbias_bytes_received_total 10", "counterbias_worker_blob_bytes_total 4",
        ] {
            #expect(metrics.text.contains("\n\(line)\n"), "\(line) in:\n\(metrics.text)")
        }
        metrics.observe(.dismissed("lease expired"))
        #expect(metrics.text.contains("\ncounterbias_worker_connected 0\n"))
        expectWellFormed(metrics.text)
    }

    /// Every line is a comment or a sample of the family announced above it.
    private func expectWellFormed(_ text: String) {
        var family = ""
        var seen: Set<String> = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE ") {
                family = String(words[2])
                #expect(seen.insert(family).inserted, "\(family) comes twice")
            } else if !line.hasPrefix("# HELP ") {
                #expect(line.hasPrefix(family) && Double(words.last ?? "") != nil, "\(line)")
            }
        }
        #expect(text.hasSuffix("\n"))
    }
}
