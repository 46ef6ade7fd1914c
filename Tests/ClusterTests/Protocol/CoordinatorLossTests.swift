// SPDX-License-Identifier: Apache-2.0

import Calibration
import Testing

@testable import Cluster

@Suite struct CoordinatorLossTests {
    private typealias S = Scenario

    @Test func aLostWorkerGivesBackOnlyWhatItHolds() {
        var core = CoordinatorCore.serving(S.a, S.b, lease: .seconds(1))
        _ = core.step(S.opening(0, shards: 1))
        _ = core.step(.received(S.b, .heartbeat(progress: 0)), at: 500)
        #expect(core.step(.tick, at: 1_000) == [])
        #expect(
            core.step(.tick, at: 1_001) == [
                .lost(S.a, .leaseExpired, shards: [0]),
                .send(S.a, .goodbye(reason: "lease expired", isFinished: false)), .forget(S.a),
                .task(S.b, 0, 0, attempt: 1),
            ])
        // It wakes up and goes on as if nothing had happened.
        #expect(
            core.step(.received(S.a, .heartbeat(progress: 1)), at: 4_100) == [
                .send(S.a, .goodbye(reason: "greet first", isFinished: false))
            ])
    }

    @Test func everyMessageRenewsTheLease() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(.received(S.a, .result(S.result(0, 0))), at: 3_000)
        #expect(core.step(.tick, at: 7_000) == [])
        #expect(core.step(.tick, at: 7_001).first == .lost(S.a, .leaseExpired, shards: []))
    }

    @Test func aWorkerThatLeavesGivesItsShardsBack() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 2))
        #expect(
            core.step(.received(S.a, .goodbye(reason: "SIGTERM", isFinished: false))) == [
                .lost(S.a, .left("SIGTERM"), shards: [0]), .forget(S.a),
                .task(S.b, 0, 0, attempt: 1),
            ])
    }

    @Test func aFailedShardIsTriedElsewhere() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 1))
        #expect(
            core.step(.received(S.a, .failure(S.id(0, 0), reason: "out of memory"))) == [
                .log(.shardFailed(S.a, S.id(0, 0), reason: "out of memory")),
                .task(S.b, 0, 0, attempt: 1),
            ])
    }

    @Test func failuresOfGivenUpAttemptsAreNotCounted() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 1))
        _ = core.step(.received(S.a, .failure(S.id(0, 0), reason: "first")))
        for (worker, attempt) in [(S.a, 0), (S.b, 0), (S.a, 1)] {
            let id = S.id(0, 0, attempt: attempt)
            #expect(
                core.step(.received(worker, .failure(id, reason: "again"))) == [
                    .log(.shardFailed(worker, id, reason: "again"))
                ])
        }
    }

    /// Where workers fail, the coordinator tries; where it fails too, the job ends and names the
    /// shard.
    @Test func theFourthFailureIsTheCoordinatorsTurn() throws {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 2))
        for attempt in 0..<3 {
            let id = S.id(0, 1, attempt: attempt)
            #expect(
                core.step(.received(S.a, .failure(id, reason: "bad image"))) == [
                    .log(.shardFailed(S.a, id, reason: "bad image")),
                    .task(S.a, 0, 1, attempt: attempt + 1),
                ])
        }
        let last = S.id(0, 1, attempt: 3)
        #expect(
            core.step(.received(S.a, .failure(last, reason: "bad image"))) == [
                .log(.shardFailed(S.a, last, reason: "bad image")),
                .log(.computingHere(round: 0, shard: 1, .failed)),
                .recompute(S.task(0, 1, attempt: 4)),
            ])
        _ = core.step(.received(S.a, .result(S.result(0, 0))))
        var able = core
        #expect(
            able.step(.recomputed(S.id(0, 1, attempt: 4), payload: [1])) == [
                .complete(round: 0, results: [[0], [1]])
            ])
        let failure = CoordinatorFailure(
            round: 0, shard: Shard(index: 1, images: [1]), attempts: 5,
            reason: "on the coordinator: bad image")
        #expect(
            core.step(.recomputingFailed(S.id(0, 1, attempt: 4), reason: "bad image")) == [
                .fail(failure)
            ])
        #expect(
            failure.description
                == "round 0, shard 1 (images: 1) failed 5 times, last: on the coordinator: bad image"
        )
        var named = failure
        named.names = ["b.png"]
        #expect(named.description.contains("(images: b.png at position 1)"))
    }

    /// A worker that fails at one shard rests until the round is over, while another is there.
    @Test func whoFailsRests() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 6))
        #expect(
            core.step(.received(S.a, .failure(S.id(0, 0), reason: "out of luck"))) == [
                .log(.shardFailed(S.a, S.id(0, 0), reason: "out of luck"))
            ])
        #expect(
            core.step(.received(S.b, .result(S.result(0, 1)))) == [.task(S.b, 0, 0, attempt: 1)])
    }

    /// Loses the worker with its first shard again and again.
    private func losses(
        of shard: Int, by accounts: [Account], heard: Bool
    ) -> [[CoordinatorCore.Action]] {
        var core = S.coordinator()
        _ = core.step(S.opening(0, shards: 1))
        return accounts.enumerated().map { turn, account in
            core.join(account, at: turn * 100)
            if heard {
                _ = core.step(
                    .received(account.worker, .heartbeat(progress: 0)), at: turn * 100 + 50)
            }
            return core.step(.disconnected(account.worker), at: turn * 100 + 60)
        }
    }

    @Test func workersLostOverAShardStopTheJob() {
        let accounts = (1...8).map { S.account(WorkerID($0)) }
        let actions = losses(of: 0, by: accounts, heard: true)
        #expect(
            actions.last?.contains(
                .fail(
                    CoordinatorFailure(
                        round: 0, shard: Shard(index: 0, images: [0]), attempts: 8,
                        reason: "worker-8 was lost: connection lost"))) == true)
        // Who was not heard of since may not have seen the shard.
        let unheard = losses(of: 0, by: accounts + accounts, heard: false)
        #expect(unheard.joined().allSatisfy { if case .fail = $0 { false } else { true } })
    }

    /// One key alone cannot stop the job, two can.
    @Test func lossesOfOneKeyAreTheCoordinatorsTurn() {
        let accounts = (1...8).map { number in
            var account = S.account(WorkerID(number))
            account.credentials = Credentials(key: "one")
            return account
        }
        let actions = losses(of: 0, by: accounts, heard: true)
        #expect(actions.last?.contains(.recompute(S.task(0, 0, attempt: 8))) == true)
        var mixed = accounts
        for index in 0..<4 { mixed[index].credentials = Credentials(key: "two") }
        let ends = losses(of: 0, by: mixed, heard: true).last ?? []
        #expect(ends.contains { if case .fail = $0 { true } else { false } })
    }
}
