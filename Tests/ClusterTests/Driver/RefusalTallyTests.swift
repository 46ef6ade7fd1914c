// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cluster

@Suite struct RefusalTallyTests {
    private func note<Cause>(
        _ causes: [Cause], in tally: inout RefusalTally<Cause>, at now: Duration = .zero
    ) -> [Bool] {
        causes.map { tally.note($0, at: now) }
    }

    @Test func theFirstIsToldAtOnceAndTheRestAtIntervalsThatDouble() {
        var tally = RefusalTally<String>()
        var told: [Int] = []
        // Seven a second for twenty minutes.
        for turn in 0..<8_400 {
            let now = Duration.milliseconds(turn * 1_000 / 7)
            if tally.note("a", at: now) { told.append(0) }
            for _ in tally.due(at: now) { told.append(Int(now.components.seconds)) }
        }
        // Within the half second between two looks.
        let expected = [0, 5, 15, 35, 75, 155, 315, 635]
        #expect(told.count == expected.count, "\(told)")
        #expect(zip(told, expected).allSatisfy { $0 - $1 <= 1 }, "\(told)")
    }

    @Test func allAreCounted() {
        var tally = RefusalTally<String>()
        let first = note(["a", "b"], in: &tally)
        #expect(first == [true, true])
        let later = note([String](repeating: "a", count: 41), in: &tally, at: .seconds(1))
        #expect(!later.contains(true))
        let due = tally.due(at: .seconds(5))
        #expect(due.map { $0.cause } == ["a"] && due.map { $0.count } == [41])
    }

    @Test func whatStopsIsForgotten() {
        var tally = RefusalTally<String>()
        let first = note(["a"], in: &tally)
        let due = tally.due(at: .seconds(5))
        let again = note(["a"], in: &tally, at: .seconds(6))
        #expect(first == [true] && due.isEmpty && again == [true])
    }

    @Test func memoryIsBounded() {
        var tally = RefusalTally<Int>(capacity: 2)
        let first = note([0, 1, 2, 3], in: &tally)
        #expect(first == [true, true, true, true])
        let second = note([0, 1, 2, 3], in: &tally)
        #expect(second == [false, false, true, true])
    }
}
