// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import Calibrating

@Suite struct ConcurrentPairTests {
    private struct Failure: Error, Equatable { var number: Int }

    @Test func bothResultsComeBack() throws {
        let (first, second) = try concurrentPair({ 1 }, { "two" })
        #expect(first == 1 && second == "two")
    }

    @Test func theFirstFailureCountsAndTheOtherPartRuns() {
        let ran = Atomic(0)
        #expect(throws: Failure(number: 1)) {
            try concurrentPair({ throw Failure(number: 1) }) {
                ran.add(1, ordering: .relaxed)
                throw Failure(number: 2)
            }
        }
        #expect(ran.load(ordering: .relaxed) == 1)
    }

    @Test func allPartsRunAndTheFirstFailureInOrderIsThrown() {
        let ran = Atomic(0)
        let parts = (0..<5).map { number in
            { @Sendable in
                ran.add(1, ordering: .relaxed)
                if number > 2 { throw Failure(number: number) }
            }
        }
        #expect(throws: Failure(number: 3)) { try runConcurrently(parts) }
        #expect(ran.load(ordering: .relaxed) == 5)
    }
}
