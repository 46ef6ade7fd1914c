// SPDX-License-Identifier: Apache-2.0

import Calibration
import Testing

@testable import Cluster

/// Shards of slow workers: a second worker gets them when three quarters of the round are done and
/// they have taken longer than twice the median and than 250 ms.
@Suite struct CoordinatorStragglerTests {
    private typealias S = Scenario

    /// Worker a holds shards 0 and 2 of eight and says nothing; b answers one every `pace`
    /// milliseconds.
    /// - Returns: the core when b has done `count` shards, at `pace * count`.
    private func slow(pace: Int, answers count: Int) -> CoordinatorCore {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 8))
        for (turn, shard) in [1, 3, 4, 5, 6, 7].prefix(count).enumerated() {
            let now = pace * (turn + 1)
            #expect(core.step(.tick, at: now) == [], "at \(now) ms")
            _ = core.step(.received(S.b, .result(S.result(0, shard))), at: now)
        }
        return core
    }

    @Test func threeQuartersHaveToBeDone() {
        var early = slow(pace: 100, answers: 5)
        // Shard 7 is still with b.
        #expect(early.step(.tick, at: 590) == [])
        var core = slow(pace: 100, answers: 6)
        #expect(
            core.step(.tick, at: 610) == [
                .log(.stragglerDuplicated(round: 0, shard: 0, from: S.a, to: S.b)),
                .task(S.b, 0, 0, attempt: 1),
            ])
        // One at a time, and none twice.
        #expect(core.step(.tick, at: 620) == [])
        _ = core.step(.received(S.b, .result(S.result(0, 0, attempt: 1))), at: 700)
        #expect(
            core.step(.tick, at: 710) == [
                .log(.stragglerDuplicated(round: 0, shard: 2, from: S.a, to: S.b)),
                .task(S.b, 0, 2, attempt: 1),
            ])
        // The first answer counts, whose ever it is; the straggler did not lose its place.
        #expect(
            core.step(.received(S.a, .result(S.result(0, 0))), at: 720) == [
                .ignored(S.a, S.id(0, 0), .duplicate)
            ])
        let last = core.step(.received(S.a, .result(S.result(0, 2))), at: 730)
        #expect(last == [.complete(round: 0, results: (0..<8).map { [$0] })])
    }

    @Test func aQuarterOfASecondIsNeverTooLong() {
        var core = slow(pace: 10, answers: 6)
        #expect(core.step(.tick, at: 250) == [])
        #expect(core.step(.tick, at: 251).count == 2)
    }

    /// Where all take long, nobody is slow.
    @Test func twiceTheMedianIsNotTooLong() {
        var core = CoordinatorCore.serving(S.a, S.b, S.c)
        _ = core.step(S.opening(0, shards: 3))
        for (worker, shard) in [(S.b, 1), (S.c, 2)] {
            _ = core.step(.received(worker, .result(S.result(0, shard))), at: 400)
        }
        #expect(core.step(.tick, at: 800) == [])
        #expect(
            core.step(.tick, at: 801) == [
                .log(.stragglerDuplicated(round: 0, shard: 0, from: S.a, to: S.b)),
                .task(S.b, 0, 0, attempt: 1),
            ])
    }

    @Test func aloneNobodyIsSlow() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 2))
        _ = core.step(.received(S.a, .result(S.result(0, 0))), at: 10)
        #expect(core.step(.tick, at: 900) == [])
    }

    /// Heartbeats with progress are no answers: what a holder has had for a shard's lease, the
    /// coordinator computes.
    @Test func progressWithoutResultsEnds() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 1))
        for second in 1...60 {
            let beat = Message.heartbeat(progress: UInt64(second))
            _ = core.step(.received(S.a, beat), at: 1_000 * second)
            #expect(core.step(.tick, at: 1_000 * second) == [])
        }
        #expect(
            core.step(.tick, at: 60_001) == [
                .log(.computingHere(round: 0, shard: 0, .overdue)),
                .recompute(S.task(0, 0, attempt: 1)),
            ])
        #expect(
            core.step(.recomputed(S.id(0, 0, attempt: 1), payload: [0]), at: 61_000) == [
                .complete(round: 0, results: [[0]])
            ])
    }

    /// Two connections of one key hold all shards of a round and answer none; the third worker has
    /// another key.
    @Test func accompliceDoNotKeepAShard() {
        var core = S.coordinator()
        for worker in [S.a, S.b, S.c] {
            var account = S.account(worker, hasKey: true)
            if worker == S.b { account.credentials = Credentials(key: "key-1") }
            core.join(account)
        }
        _ = core.step(S.opening(0, shards: 3))
        _ = core.step(.received(S.c, .result(S.result(0, 2))), at: 10)
        var (given, time) = ([Int](), 0)
        while time < 2_000, core.open != nil {
            time += 20
            for case .send(S.c, .task(let task)) in core.step(.tick, at: time) {
                given.append(task.id.shard)
                let answer = ShardResult(
                    id: task.id, biases: task.biasDigest, payload: [UInt8(task.id.shard)])
                _ = core.step(.received(S.c, .result(answer)), at: time + 10)
            }
        }
        #expect(given == [0, 1] && time < 400)
        // They owe answers: the next round does without them.
        #expect(
            core.step(S.opening(1, shards: 3), at: 500).dropFirst() == [
                .task(S.c, 1, 0), .task(S.c, 1, 1),
            ])
    }

    /// Who keeps rounds waiting again and again rests longer and longer, also behind a new
    /// connection.
    @Test func stragglersRest() {
        var core = CoordinatorCore.serving(S.a, hasKeys: true)
        var (waited, time) = ([Int](), 0)
        for round in 0..<200 {
            let late = WorkerID(1_000 + round)
            var account = S.account(late, hasKey: true)
            account.credentials = Credentials(key: "late")
            core.join(account, at: time)
            var tasks = core.step(S.opening(round, shards: 2), at: time).compactMap(\.task)
            if tasks.contains(where: { $0.worker == late }) { waited.append(round) }
            while core.open != nil {
                for (worker, task) in tasks where worker == S.a {
                    let answer = ShardResult(
                        id: task.id, biases: task.biasDigest, payload: [0])
                    _ = core.step(.received(S.a, .result(answer)), at: time)
                }
                time += 20
                tasks = core.step(.tick, at: time).compactMap(\.task)
                #expect(time < 60_000)
                if time >= 60_000 { return }
            }
            _ = core.step(.disconnected(late), at: time)
        }
        #expect(waited.count < 10, "rounds that waited: \(waited)")
    }
}

extension CoordinatorCore.Action {
    fileprivate var task: (worker: WorkerID, task: TaskMessage)? {
        if case .send(let worker, .task(let task)) = self { (worker, task) } else { nil }
    }
}
