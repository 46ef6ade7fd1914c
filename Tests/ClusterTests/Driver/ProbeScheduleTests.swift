// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cluster

@Suite struct ProbeScheduleTests {
    /// When peers are asked if somebody looks every millisecond for a second.
    private func questions(_ schedule: inout ProbeSchedule, from start: Int = 0) -> [Int] {
        (start..<start + 1_000).filter { schedule.isDue(at: .milliseconds($0)) }
    }

    @Test func nobodyIsAskedBeforeAConnectionEnds() {
        var schedule = ProbeSchedule()
        #expect(questions(&schedule).isEmpty)
        #expect(schedule.wait(at: .zero) == nil)
    }

    @Test func asksAtOnceAndEverMoreRarely() {
        var schedule = ProbeSchedule()
        schedule.start(at: .zero)
        #expect(schedule.wait(at: .zero) == .zero)
        #expect(questions(&schedule) == [0, 2, 6, 14, 30, 62, 126, 254, 510])
        #expect(schedule.wait(at: .seconds(1)) == nil)
    }

    @Test func startsAnewWithTheNextEnd() {
        var schedule = ProbeSchedule()
        schedule.start(at: .zero)
        _ = schedule.isDue(at: .zero)
        schedule.start(at: .milliseconds(100))
        #expect(questions(&schedule, from: 100).prefix(3) == [100, 102, 106])
    }
}
