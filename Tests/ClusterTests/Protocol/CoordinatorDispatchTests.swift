// SPDX-License-Identifier: Apache-2.0

import Calibration
import Testing

@testable import Cluster

@Suite struct CoordinatorDispatchTests {
    private typealias S = Scenario

    @Test func shardsAreDealtInTurnTwoDeep() {
        var core = CoordinatorCore.serving(S.a, S.b)
        #expect(
            core.step(S.opening(0, shards: 6)) == [
                .log(.roundOpened(S.round(0, shards: 6))),
                .task(S.a, 0, 0), .task(S.b, 0, 1), .task(S.a, 0, 2), .task(S.b, 0, 3),
            ])
        #expect(core.step(.received(S.b, .result(S.result(0, 3)))) == [.task(S.b, 0, 4)])
        #expect(core.step(.received(S.b, .result(S.result(0, 1)))) == [.task(S.b, 0, 5)])
        #expect(core.step(.received(S.a, .result(S.result(0, 0)))) == [])
        #expect(core.roundProgress.map { [$0.done, $0.total] } == [3, 6])
    }

    @Test func resultsLeaveInShardOrder() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 3))
        for (worker, shard) in [(S.a, 2), (S.b, 1)] {
            _ = core.step(.received(worker, .result(S.result(0, shard))))
        }
        #expect(
            core.step(.received(S.a, .result(S.result(0, 0)))) == [
                .complete(round: 0, results: [[0], [1], [2]])
            ])
    }

    @Test func aRoundWithoutShardsIsComplete() {
        var core = CoordinatorCore.serving(S.a)
        #expect(
            core.step(S.opening(0, shards: 0)) == [
                .log(.roundOpened(S.round(0, shards: 0))), .complete(round: 0, results: []),
            ])
    }

    @Test func shardsStayWithTheWorkerThatKnowsThem() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 4))
        for (worker, shard) in [(S.a, 0), (S.a, 2), (S.b, 1), (S.b, 3)] {
            _ = core.step(.received(worker, .result(S.result(0, shard))))
        }
        // The second greeted worker would get shard 0 if order alone decided.
        #expect(
            core.step(S.opening(1, shards: 4)) == [
                .log(.roundOpened(S.round(1, shards: 4))),
                .task(S.a, 1, 0), .task(S.b, 1, 1), .task(S.a, 1, 2), .task(S.b, 1, 3),
            ])
        #expect(core.step(.received(S.b, .result(S.result(1, 1)))) == [])
    }

    @Test func aWorkerThatJoinsInTheMiddleIsUsed() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 4))
        #expect(
            core.join(S.account(S.b))
                == .admitted(S.account(S.b), [.task(S.b, 0, 2), .task(S.b, 0, 3)]))
    }

    /// All shards belong to the first worker; the newcomer takes what is above a fair share.
    @Test func aWorkerThatJoinsBetweenRoundsTakesItsShare() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 6))
        for shard in 0..<6 { _ = core.step(.received(S.a, .result(S.result(0, shard)))) }
        core.join(S.account(S.b))
        #expect(
            core.step(S.opening(1, shards: 6)).dropFirst() == [
                .task(S.a, 1, 0), .task(S.b, 1, 1), .task(S.a, 1, 2), .task(S.b, 1, 3),
            ])
        #expect(core.step(.received(S.b, .result(S.result(1, 1)))) == [.task(S.b, 1, 4)])
        #expect(core.step(.received(S.b, .result(S.result(1, 3)))) == [])
    }

    @Test func duplicatesAndStaleResultsAreIgnored() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 2))
        _ = core.step(.received(S.a, .result(S.result(0, 0))))
        #expect(
            core.step(.received(S.a, .result(S.result(0, 0)))) == [
                .ignored(S.a, S.id(0, 0), .duplicate)
            ])
        for stale in [
            S.result(0, 1, epoch: S.epoch - 1), S.result(0, 1, biases: [2, 0, 0, 0]),
            S.result(7, 1), S.result(0, 2, payload: [1]),
        ] {
            #expect(
                core.step(.received(S.a, .result(stale))) == [.ignored(S.a, stale.id, .stale)])
        }
        #expect(
            core.step(.received(S.a, .result(S.result(0, 1)))) == [
                .complete(round: 0, results: [[0], [1]])
            ])
    }

    @Test func aLateAnswerToAGivenUpAttemptCounts() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 1))
        #expect(
            core.step(.disconnected(S.a)) == [
                .lost(S.a, .disconnected, shards: [0]), .forget(S.a), .task(S.b, 0, 0, attempt: 1),
            ])
        core.join(S.account(S.c, host: "host-1"))
        #expect(
            core.step(.received(S.c, .result(S.result(0, 0)))) == [
                .complete(round: 0, results: [[0]])
            ])
    }

    /// Nobody answers for another: only the key that was given an attempt does, once, on whatever
    /// connection.
    @Test func answersToOthersAttemptsDoNotCount() {
        var core = CoordinatorCore.serving(S.a, S.b, hasKeys: true)
        _ = core.step(S.opening(0, shards: 2))
        let foreign = core.step(.received(S.a, .result(S.result(0, 1, payload: [9]))))
        #expect(foreign == [.ignored(S.a, S.id(0, 1), .foreign)])
        let made = core.step(.received(S.a, .result(S.result(0, 0, attempt: 1, payload: [9]))))
        #expect(made == [.ignored(S.a, S.id(0, 0, attempt: 1), .foreign)])
        _ = core.step(.received(S.a, .result(S.result(0, 0))))
        let again = core.step(.received(S.a, .result(S.result(0, 0, payload: [9]))))
        #expect(again == [.ignored(S.a, S.id(0, 0), .duplicate)])
        #expect(
            core.step(.received(S.b, .result(S.result(0, 1)))) == [
                .complete(round: 0, results: [[0], [1]])
            ])
    }

    /// An answer to an old round must not release the shard of the same index in the open one:
    /// found by the simulation as a round that never ends.
    @Test func staleAnswersReleaseNothing() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 2))
        _ = core.step(.received(S.b, .result(S.result(0, 1))))
        _ = core.step(.tick, at: 2_500)
        _ = core.step(.received(S.b, .result(S.result(0, 0, attempt: 1))), at: 2_501)
        // Shard 0 still belongs to the worker that settled it last.
        #expect(
            core.step(S.opening(1, shards: 1)).dropFirst() == [.task(S.b, 1, 0)])
        #expect(
            core.step(.received(S.b, .result(S.result(0, 0)))) == [
                .ignored(S.b, S.id(0, 0), .stale)
            ])
        _ = core.step(.received(S.b, .failure(S.id(0, 0), reason: "late")))
        _ = core.step(.received(S.a, .result(S.result(0, 0))))
        #expect(
            core.step(.disconnected(S.b)) == [
                .lost(S.b, .disconnected, shards: [0]), .forget(S.b), .task(S.a, 1, 0, attempt: 1),
            ])
    }

    /// A worker that may still be at a task of an earlier round gets new ones when it has answered
    /// one, not before.
    @Test func aWorkerThatIsBehindIsNotWaitedFor() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 2))
        _ = core.step(.received(S.b, .result(S.result(0, 1))))
        _ = core.step(.tick, at: 2_500)
        _ = core.step(.received(S.b, .result(S.result(0, 0, attempt: 1))), at: 2_501)
        _ = core.step(.disconnected(S.b), at: 2_600)
        #expect(core.step(S.opening(1, shards: 3), at: 2_700).dropFirst() == [])
        for progress in [0, 1, 2] as [UInt64] {
            #expect(
                core.step(.received(S.a, .heartbeat(progress: progress)), at: 2_800)
                    == [.send(S.a, .heartbeat(progress: progress))])
        }
        #expect(
            core.step(.received(S.a, .result(S.result(0, 0))), at: 2_900) == [
                .ignored(S.a, S.id(0, 0), .stale), .task(S.a, 1, 0), .task(S.a, 1, 1),
            ])
    }
}
