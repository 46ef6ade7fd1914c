// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import ZeroMQ

@testable import Cluster

/// Queues of the drivers, beside the simplest model of each.
@Suite struct OutboxTests {
    @Test func takesNoMoreThanItsLimit() {
        var outbox = Outbox<Int>(limit: 2)
        let taken = (1...3).map { outbox.append($0) }
        #expect(taken == [true, true, false])
        var sent: [Int] = []
        let outcome = outbox.flush {
            sent.append($0)
            return sent.count < 2 ? .sent : .wouldBlock
        }
        #expect(outcome == .wouldBlock)
        #expect(sent == [1, 2])
        let later = (4...5).map { outbox.append($0) }
        #expect(later == [true, false], "the first has left")
    }

    @Test func keepsOrderWhateverIsTaken() {
        var generator = SeededGenerator(seed: TestSeed.value)
        var outbox = Outbox<Int>(limit: 40)
        var model: [Int] = []
        for step in 0..<20_000 {
            if Bool.random(using: &generator) {
                let isTaken = outbox.append(step)
                #expect(isTaken == (model.count < 40))
                if model.count < 40 { model.append(step) }
            } else {
                var credit = Int.random(in: 0...12, using: &generator)
                var sent: [Int] = []
                let outcome = outbox.flush { entry in
                    guard credit > 0 else { return .wouldBlock }
                    credit -= 1
                    sent.append(entry)
                    return .sent
                }
                #expect(Array(model.prefix(sent.count)) == sent)
                model.removeFirst(sent.count)
                #expect((outcome == .sent) == model.isEmpty)
            }
            #expect(outbox.isEmpty == model.isEmpty)
        }
    }
}
