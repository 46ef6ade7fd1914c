// SPDX-License-Identifier: Apache-2.0

/// Who computed how many shards when, in one incarnation of a coordinator. For people; no result
/// depends on it.
///
/// Bounded: time is cut into ``bins`` of equal width, which doubles when they are used up, and
/// workers beyond ``rows`` share the last row.
package struct WorkerTimeline: Hashable, Sendable, Codable {
    /// A worker, or all those beyond the rows together.
    package struct Row: Hashable, Sendable, Codable {
        /// Host and process, or `others`.
        package var worker: String
        /// Results received, by bin; shorter than ``WorkerTimeline/bins`` when nothing came later.
        package var shards: [Int] = []
        /// Results received in all bins.
        package var total: Int { shards.reduce(0, +) }
    }

    /// Rounds of one kind in a row; seconds from the start.
    package struct Stage: Hashable, Sendable, Codable {
        /// Of the rounds' kind, as the report shows it; fine-tuning's three kinds are one stage.
        package var name: String
        /// Of its first round, in seconds.
        package var start: Double
        /// Of its latest round, in seconds.
        package var end: Double
        /// Rounds that are over.
        package var rounds: Int
    }

    /// Most bins of a row.
    package static let bins = 256
    /// Most rows, the one of `others` included.
    package static let rows = 48
    /// Stages kept; what comes later extends the last.
    static let stageLimit = 64

    /// Seconds per bin.
    package private(set) var binWidth = 0.02
    /// Seconds from the start to the latest event.
    package private(set) var end = 0.0
    /// In the order of their admission; `others` last.
    package private(set) var workers: [Row] = []
    /// In the order of the job, at most 64.
    package private(set) var stages: [Stage] = []

    /// Without workers and stages.
    package init() {}

    /// Gives a worker a row of its own while there are any; one that came back keeps its row.
    package mutating func admit(_ worker: String) {
        guard row(of: worker) == nil else { return }
        if workers.count < Self.rows - 1 {
            workers.append(Row(worker: worker))
        } else if workers.count < Self.rows {
            workers.append(Row(worker: "others"))
        }
    }

    /// A result came.
    package mutating func note(_ worker: String, at seconds: Double) {
        let time = max(seconds, 0)
        guard time.isFinite, let row = row(of: worker) ?? workers.indices.last else { return }
        end = max(end, time)
        while Int(min(time / binWidth, 1e15)) >= Self.bins { coarsen() }
        let bin = Int(time / binWidth)
        let missing = bin + 1 - workers[row].shards.count
        if missing > 0 { workers[row].shards += [Int](repeating: 0, count: missing) }
        workers[row].shards[bin] += 1
    }

    /// A round is over.
    package mutating func finish(_ stage: String, from start: Double, to finish: Double) {
        end = max(end, finish)
        if let last = stages.indices.last,
            stages[last].name == stage || stages.count == Self.stageLimit
        {
            stages[last].end = finish
            stages[last].rounds += 1
        } else {
            stages.append(Stage(name: stage, start: start, end: finish, rounds: 1))
        }
    }

    private func row(of worker: String) -> Int? { workers.firstIndex { $0.worker == worker } }

    private mutating func coarsen() {
        binWidth *= 2
        for row in workers.indices {
            let shards = workers[row].shards
            workers[row].shards = stride(from: 0, to: shards.count, by: 2).map {
                shards[$0] + ($0 + 1 < shards.count ? shards[$0 + 1] : 0)
            }
        }
    }
}
