// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage
import Testing

@testable import Cluster

/// Transcripts: an event, then everything the coordinator does about it.
@Suite struct CoordinatorGreetingTests {
    private typealias S = Scenario

    @Test func aWorkerIsWelcomedAndGivenWork() {
        var core = S.coordinator()
        #expect(core.step(S.opening(0, shards: 1)) == [.log(.roundOpened(S.round(0, shards: 1)))])
        #expect(
            core.step(.received(S.a, .hello(S.hello()))) == [.send(S.a, .welcome(S.welcome))])
        // It gets nothing before it has answered: it may be gone.
        #expect(core.workerCount == 0)
        #expect(
            core.step(.received(S.a, .heartbeat(progress: 0)))
                == .admitted(S.account(S.a, host: "a"), [.task(S.a, 0, 0)]))
        #expect(
            core.step(.received(S.a, .result(S.result(0, 0, payload: [42])))) == [
                .complete(round: 0, results: [[42]])
            ])
        #expect(core.roundProgress == nil)
    }

    @Test func otherVersionsAreRefusedWithAReason() throws {
        var core = S.coordinator()
        var hello = S.hello()
        hello.versions = 7...9
        let actions = core.step(.received(S.a, .hello(hello)))
        let reason =
            "worker speaks protocol versions 7...9, coordinator 4...4: "
            + "install the same release on both"
        #expect(
            actions == [
                .send(S.a, .refusal(reason: reason)),
                .log(.workerRefused(Account(S.a, hello), reason: reason)), .forget(S.a),
            ])
        #expect(core.workerCount == 0)
    }

    @Test func otherArithmeticIsRefusedWithAReason() {
        var core = S.coordinator()
        let hello = S.hello(golden: Digest.sha256(of: "other bits"))
        let reason =
            "golden shard differs (worker portable, build test): this worker would "
            + "compute other bits"
        #expect(
            core.step(.received(S.a, .hello(hello))) == [
                .send(S.a, .refusal(reason: reason)),
                .log(.workerRefused(Account(S.a, hello), reason: reason)), .forget(S.a),
            ])
        #expect(core.workerCount == 0)
    }

    @Test func whoSpeaksBeforeGreetingHasToGreet() {
        var core = S.coordinator()
        for message in [
            Message.heartbeat(progress: 0), .result(S.result(0, 0)),
            .failure(S.id(0, 0), reason: ""),
            .fetch(BlobRange(digest: S.network, offset: 0, length: 1)),
        ] {
            #expect(
                core.step(.received(S.a, message)) == [
                    .send(S.a, .goodbye(reason: "greet first", isFinished: false))
                ])
        }
        #expect(
            core.step(.received(S.a, .goodbye(reason: "bye", isFinished: false))) == [.forget(S.a)])
    }

    /// A worker that cannot connect yet greets once a second, and all greetings arrive together.
    @Test func repeatedGreetingsCostNothing() {
        var core = S.coordinator()
        _ = core.step(S.opening(0, shards: 3))
        _ = core.step(.received(S.a, .hello(S.hello())))
        for _ in 0..<10 {
            #expect(
                core.step(.received(S.a, .hello(S.hello()))) == [.send(S.a, .welcome(S.welcome))])
        }
        _ = core.step(.received(S.a, .heartbeat(progress: 0)))
        #expect(
            core.step(.received(S.a, .hello(S.hello()))) == [.send(S.a, .welcome(S.welcome))])
        #expect(core.workerCount == 1)
        #expect(core.step(.received(S.a, .result(S.result(0, 0)))) == [.task(S.a, 0, 2)])
    }

    @Test func whoGreetsAsAnotherOnTheSameConnectionHasToGo() {
        var core = CoordinatorCore.serving(S.a)
        _ = core.step(S.opening(0, shards: 1))
        #expect(
            core.step(.received(S.a, .hello(S.hello("new")))) == [
                .lost(S.a, .greetedAgain, shards: [0]),
                .send(S.a, .goodbye(reason: "greeted again", isFinished: false)), .forget(S.a),
            ])
    }

    /// Connections that were made and given up while nobody listened: nothing is lost with them.
    @Test func greetingsOfThoseWhoAreGoneCostNothing() {
        var core = S.coordinator()
        _ = core.step(S.opening(0, shards: 1))
        for number in 1...40 {
            let ghost = WorkerID(number)
            #expect(
                core.step(.received(ghost, .hello(S.hello("ghost")))) == [
                    .send(ghost, .welcome(S.welcome))
                ])
        }
        for number in 1...20 {
            #expect(core.step(.disconnected(WorkerID(number))) == [.forget(WorkerID(number))])
        }
        // The others say nothing for a lease.
        #expect(
            core.step(.tick, at: 4_001) == (21...40).map { .forget(WorkerID($0)) })
        #expect(core.step(.received(WorkerID(41), .hello(S.hello())), at: 4_100).count == 1)
        #expect(
            core.step(.received(WorkerID(41), .heartbeat(progress: 0)), at: 4_100).contains(
                .task(WorkerID(41), 0, 0)))
    }

    @Test func anAdmittedWorkerThatIsRefusedLosesItsShards() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 2))
        let actions = core.step(
            .received(S.a, .hello(S.hello(golden: Digest.sha256(of: "other bits")))))
        #expect(actions.first == .lost(S.a, .greetedAgain, shards: [0]))
        #expect(actions.last == .task(S.b, 0, 0, attempt: 1))
        #expect(core.workerCount == 1)
    }

    @Test func heartbeatsAreAnsweredAndBlobsServed() {
        var core = CoordinatorCore.serving(S.a)
        #expect(
            core.step(.received(S.a, .heartbeat(progress: 5))) == [
                .send(S.a, .heartbeat(progress: 5))
            ])
        let range = BlobRange(digest: S.network, offset: 0, length: 9)
        #expect(core.step(.received(S.a, .fetch(range))) == [.sendChunk(S.a, range)])
    }

    @Test func theEndIsToldToEveryWorkerAndAnswered() {
        var core = CoordinatorCore.serving(S.b, S.a)
        let goodbye = Message.goodbye(reason: "the job is done", isFinished: true)
        #expect(
            core.step(.finished(reason: "the job is done", isFinished: true)) == [
                .send(S.a, goodbye), .send(S.b, goodbye),
            ])
        #expect(
            core.step(.received(S.a, goodbye)) == [
                .lost(S.a, .left("the job is done"), shards: []), .forget(S.a),
            ])
        #expect(core.workerCount == 1)
    }

    @Test func aFailedJobHandsOutNothingWhileWorkersLeave() {
        var core = CoordinatorCore.serving(S.a, S.b)
        _ = core.step(S.opening(0, shards: 2))
        _ = core.step(.finished(reason: "a shard failed", isFinished: true))
        #expect(
            core.step(.received(S.a, .goodbye(reason: "bye", isFinished: true))) == [
                .lost(S.a, .left("bye"), shards: [0]), .forget(S.a),
            ])
    }

    @Test func messagesOfTheWrongDirectionEndTheConnection() {
        for message in [
            Message.welcome(S.welcome), .refusal(reason: ""), .task(S.task(0, 0)),
            .chunk(BlobChunk(digest: S.network, offset: 0, total: 1, bytes: [1])),
        ] {
            var core = CoordinatorCore.serving(S.a)
            #expect(
                core.step(.received(S.a, message)) == [
                    .lost(S.a, .malformed(WireError(.field("direction"))), shards: []),
                    .forget(S.a),
                ])
        }
    }

    @Test func lonelinessIsLoggedNowAndThen() {
        var core = S.coordinator()
        _ = core.step(S.opening(0, shards: 1), at: 0)
        var logged: [Int] = []
        for time in stride(from: 0, through: 35_000, by: 500) {
            let actions = core.step(.tick, at: time)
            if actions == [.log(.noWorkers(since: .milliseconds(time)))] {
                logged.append(time)
            } else {
                #expect(actions == [])
            }
        }
        #expect(logged == [10_000, 20_000, 30_000])
    }
}
