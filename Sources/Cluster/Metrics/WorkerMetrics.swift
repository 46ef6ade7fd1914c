// SPDX-License-Identifier: Apache-2.0

import Release

/// What a worker counts, as a value; fed by its driver, read by whoever scrapes.
package struct WorkerMetrics: Hashable, Sendable {
    private var isConnected = false
    private var connections = 0
    private var shardsComputed = 0
    private var shardsFailed = 0
    private var computing: [TaskID: Duration] = [:]
    private var computeSeconds = Histogram.shardSeconds
    private var blobBytes = 0
    private var bytesSent = 0
    private var bytesReceived = 0

    /// All counters at zero.
    package init() {}

    /// Bytes of a message handed to libzmq, header and payload.
    package mutating func sent(bytes: Int) { bytesSent += bytes }

    /// Frames came in; `message` is nil if they were none.
    package mutating func received(bytes: Int, _ message: Message?) {
        bytesReceived += bytes
        if case .chunk(let chunk) = message { blobBytes += chunk.bytes.count }
    }

    /// A connection was opened; nobody has answered on it yet.
    package mutating func connecting() {
        connections += 1
        isConnected = false
    }

    /// Follows whether a coordinator has admitted this worker; other entries are ignored.
    package mutating func observe(_ entry: WorkerLog) {
        switch entry {
        case .welcomed: isConnected = true
        case .dismissed: isConnected = false
        default: break
        }
    }

    /// A shard went to the compute thread.
    package mutating func started(_ id: TaskID, at now: Duration) { computing[id] = now }

    /// A shard came from the compute thread, computed or not.
    package mutating func finished(_ id: TaskID, succeeded: Bool, at now: Duration) {
        if succeeded { shardsComputed += 1 } else { shardsFailed += 1 }
        guard let since = computing.removeValue(forKey: id) else { return }
        computeSeconds.add((now - since).seconds)
    }

    /// The page a scrape gets.
    package var text: String {
        var build = MetricFamily(
            "counterbias_build_info", .gauge, help: "Always 1; the labels name the release.")
        build.add(1, labels: [("version", Build.version), ("role", "worker")])
        func counter(_ name: String, _ value: Int, _ help: String) -> MetricFamily {
            MetricFamily("counterbias_\(name)_total", .counter, Double(value), help: help)
        }
        let families = [
            build,
            MetricFamily(
                "counterbias_worker_connected", .gauge, isConnected ? 1 : 0,
                help: "Whether a coordinator has admitted this worker."),
            counter("worker_connections", connections, "Connections opened, the first included."),
            counter("worker_shards_computed", shardsComputed, "Shards computed."),
            counter("worker_shards_failed", shardsFailed, "Shards that could not be computed."),
            MetricFamily(
                "counterbias_worker_compute_seconds", computeSeconds,
                help: "From handing a shard to the compute thread to its answer."),
            counter("worker_blob_bytes", blobBytes, "Bytes of model and images that arrived."),
            counter("bytes_sent", bytesSent, "Bytes of messages to the coordinator."),
            counter("bytes_received", bytesReceived, "Bytes of messages from it."),
        ]
        return families.map(\.text).joined()
    }
}
