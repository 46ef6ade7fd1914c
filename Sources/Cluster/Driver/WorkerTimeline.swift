// SPDX-License-Identifier: Apache-2.0

/// Who computed how many shards when, in one incarnation of a coordinator. For people; no result
/// depends on it.
///
/// Bounded: time is cut into ``bins`` of equal width, which doubles when they are used up, and
/// workers beyond ``rows`` share the last row.
package struct WorkerTimeline: Hashable, Sendable, Codable {
    package struct Row: Hashable, Sendable, Codable {
        package var worker: String
        /// Results received, by bin; shorter than ``WorkerTimeline/bins`` when nothing came later.
        package var shards: [Int] = []
        package var total: Int { shards.reduce(0, +) }
    }

    /// Rounds of one kind in a row; seconds from the start.
    package struct Stage: Hashable, Sendable, Codable {
        package var name: String
        package var start: Double
        package var end: Double
        package var rounds: Int
    }

    package static let bins = 256
    package static let rows = 48
    /// Stages kept; what comes later extends the last.
    static let stageLimit = 64

    /// Seconds per bin.
    package private(set) var binWidth = 0.02
    /// Seconds from the start to the latest event.
    package private(set) var end = 0.0
    package private(set) var workers: [Row] = []
    package private(set) var stages: [Stage] = []

    package init() {}

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
