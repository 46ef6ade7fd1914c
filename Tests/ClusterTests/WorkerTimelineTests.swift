// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cluster

@Suite struct WorkerTimelineTests {
    @Test func isBoundedAndCountsEverything() {
        var timeline = WorkerTimeline()
        for worker in 0..<200 { timeline.admit("worker \(worker)") }
        for number in 0..<10_000 {
            timeline.note("worker \(number % 200)", at: Double(number) * 0.37)
            timeline.finish(
                number % 2 == 0 ? "statistics" : "correction", from: Double(number) * 0.37,
                to: Double(number + 1) * 0.37)
        }
        #expect(timeline.workers.count == WorkerTimeline.rows)
        #expect(timeline.workers.last?.worker == "others")
        #expect(timeline.workers.allSatisfy { $0.shards.count <= WorkerTimeline.bins })
        #expect(timeline.workers.reduce(0) { $0 + $1.total } == 10_000)
        #expect(timeline.stages.count == WorkerTimeline.stageLimit)
        #expect(timeline.stages.reduce(0) { $0 + $1.rounds } == 10_000)
        #expect(timeline.binWidth * Double(WorkerTimeline.bins) >= 9_999 * 0.37)
    }

    @Test func roundsOfAStageAreOne() {
        var timeline = WorkerTimeline()
        timeline.finish("correction", from: 0, to: 1)
        timeline.finish("correction", from: 1, to: 3)
        timeline.finish("measurement", from: 3, to: 4)
        #expect(timeline.stages.map(\.rounds) == [2, 1])
        #expect(timeline.stages[0].end == 3)
    }

    @Test func unknownWorkersAreNobodys() {
        var timeline = WorkerTimeline()
        timeline.note("stranger", at: 1)
        #expect(timeline.workers.isEmpty)
    }
}
