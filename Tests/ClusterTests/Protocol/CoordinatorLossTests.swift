import Calibration
import Testing

@testable import Cluster

@Suite struct CoordinatorLossTests {
    private typealias S = Scenario

    @Test func aLostWorkerGivesBackOnlyWhatItHolds() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 4))
        _ = core.step(.received(S.a, .result(S.result(0, 0))))
        #expect(
            core.step(.disconnected(S.a)) == [
                .lost(S.a, .disconnected, shards: [2]), .forget(S.a),
            ])
        #expect(
            core.step(.received(S.b, .result(S.result(0, 1)))) == [.task(S.b, 0, 2, attempt: 1)])
    }

    @Test func unknownConnectionsEndQuietly() {
        var core = CoordinatorCore.serving(S.a)
        #expect(core.step(.disconnected(S.b)) == [.forget(S.b)])
        #expect(core.step(.malformed(S.b, WireError(.emptyBody))) == [.forget(S.b)])
        #expect(core.workerCount == 1)
    }

    @Test func malformedMessagesEndTheConnectionAndMoveItsShards() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 1))
        #expect(
            core.step(.malformed(S.a, WireError(.payloadDigest))) == [
                .lost(S.a, .malformed(WireError(.payloadDigest)), shards: [0]), .forget(S.a),
                .task(S.b, 0, 0, attempt: 1),
            ])
    }

    @Test func aRevokedKeyEndsTheWorkerAndMovesItsShards() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 1))
        #expect(
            core.step(.revoked(S.a)) == [
                .lost(S.a, .keyRevoked, shards: [0]),
                .send(S.a, .refusal(reason: "key revoked")), .forget(S.a),
                .task(S.b, 0, 0, attempt: 1),
            ])
        #expect(core.workerCount == 1)
    }

    @Test func aSilentWorkerLosesItsLease() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 1))
        _ = core.step(.received(S.b, .heartbeat(progress: 0)), at: 1_000)
        #expect(core.step(.tick, at: 4_000) == [])
        #expect(
            core.step(.tick, at: 4_001) == [
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

    @Test func theFourthFailureEndsTheJobAndNamesTheShard() throws {
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
        let failure = CoordinatorFailure(
            round: 0, shard: Shard(index: 1, images: [1]), attempts: 4, reason: "bad image")
        let actions = core.step(.received(S.a, .failure(last, reason: "bad image")))
        #expect(
            actions.prefix(2) == [
                .log(.shardFailed(S.a, last, reason: "bad image")), .fail(failure),
            ])
        #expect(
            failure.description
                == "round 0, shard 1 (images: 1) failed 4 times, last: bad image")
        var named = failure
        named.names = ["b.png"]
        #expect(named.description.contains("(images: b.png at position 1)"))
    }

    @Test func workersLostWithAShardCountAsFailures() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 1))
        for number in 2...8 {
            _ = core.step(.disconnected(WorkerID(number - 1)))
            _ = core.step(.received(WorkerID(number), .hello(S.hello())))
        }
        #expect(
            core.step(.disconnected(WorkerID(8))).contains(
                .fail(
                    CoordinatorFailure(
                        round: 0, shard: Shard(index: 0, images: [0]), attempts: 8,
                        reason: "worker-8 was lost: connection lost"))))
    }
}
