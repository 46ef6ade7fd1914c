// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage
import Testing

@testable import Cluster

/// Transcripts: an event, then everything the worker does about it.
@Suite struct WorkerTests {
    private typealias S = Scenario

    @Test func greetsFetchesComputesAnswers() {
        var core = WorkerCore(hello: S.hello())
        #expect(core.step(.connected) == [.send(.hello(S.hello()))])
        #expect(
            core.step(.received(.welcome(S.welcome))) == [
                .log(.welcomed(S.welcome)), .fetch("network blob"),
            ])
        #expect(core.step(.received(.task(S.task(0, 0)))) == [.fetch("image 0")])
        #expect(core.step(.received(.chunk("network blob"))) == [])
        #expect(core.step(.received(.chunk("image 0"))) == [.compute(S.request(0, 0))])
        #expect(
            core.step(S.computed(0, 0)) == [.send(.result(S.result(0, 0)))])
    }

    @Test func aRescalingIsFetchedBeforeItsTaskIsComputed() {
        var core = WorkerCore.ready(images: 1)
        var request = S.request(0, 0)
        request.task.rescaling = Digest.sha256(of: "rescaling")
        request.rescaling = Array("rescaling".utf8)
        #expect(core.step(.received(.task(request.task))) == [.fetch("rescaling")])
        #expect(core.step(.received(.chunk("rescaling"))) == [.compute(request)])
    }

    @Test func tasksAreComputedOneAtATimeInOrder() {
        var core = WorkerCore.ready(images: 2)
        #expect(core.step(.received(.task(S.task(0, 0)))) == [.compute(S.request(0, 0))])
        #expect(core.step(.received(.task(S.task(0, 1)))) == [])
        #expect(
            core.step(S.computed(0, 0)) == [
                .send(.result(S.result(0, 0))), .compute(S.request(0, 1)),
            ])
        #expect(
            core.step(.failed(S.id(0, 1), reason: "bad image")) == [
                .send(.failure(S.id(0, 1), reason: "bad image"))
            ])
    }

    @Test func aTaskWhoseImagesAreHereOvertakesOneThatWaits() {
        var core = WorkerCore.ready(images: 2)
        #expect(core.step(.received(.task(S.task(0, 5)))) == [.fetch("image 5")])
        #expect(core.step(.received(.task(S.task(0, 1)))) == [.compute(S.request(0, 1))])
    }

    @Test func aTaskThatNeedsTooMuchIsGivenBack() {
        var limits = WorkerLimits()
        limits.mostBlobBytes = 30
        var core = WorkerCore.ready(images: 0, limits: limits)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.received(.task(S.task(0, 1))))
        // 12 bytes of network are here.
        var chunk = BlobChunk("image 0")
        chunk.bytes = [UInt8](repeating: 0, count: 19)
        chunk.total = 19
        let reason = "a blob of 19 bytes does not fit into the 30 bytes that a worker keeps"
        #expect(
            core.step(.received(.chunk(chunk))) == [
                .send(.failure(S.id(0, 0), reason: reason))
            ])
        #expect(core.step(.received(.chunk("image 1"))) == [.compute(S.request(0, 1))])
    }

    /// Each has up to 32 MiB of biases with it.
    @Test func aCoordinatorThatSendsTasksWithoutEndIsLeft() {
        var core = WorkerCore.ready(images: 0)
        for shard in 0..<8 {
            let actions = core.step(.received(.task(S.task(0, shard))))
            #expect(actions == [.fetch("image \(shard)")])
        }
        #expect(
            core.step(.received(.task(S.task(0, 8)))) == [
                .log(.malformed(WireError(.field("task")))), .reconnect,
            ])
    }

    @Test func repeatedTasksAreTakenOnce() {
        var core = WorkerCore.ready(images: 2)
        _ = core.step(.received(.task(S.task(0, 0))))
        #expect(core.step(.received(.task(S.task(0, 0)))) == [])
        _ = core.step(.received(.task(S.task(0, 1))))
        #expect(core.step(.received(.task(S.task(0, 1)))) == [])
        _ = core.step(S.computed(0, 0))
        #expect(core.step(S.computed(0, 1)) == [.send(.result(S.result(0, 1)))])
    }

    @Test func tasksOfOlderRoundsAndOtherIncarnationsAreDropped() {
        var core = WorkerCore.ready(images: 3)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.received(.task(S.task(0, 1))))
        #expect(core.step(.received(.task(S.task(1, 2)))) == [])
        #expect(core.step(.received(.task(S.task(1, 0, epoch: S.epoch + 1)))) == [])
        #expect(
            core.step(S.computed(0, 0)) == [
                .send(.result(S.result(0, 0))), .compute(S.request(1, 2)),
            ])
    }

    @Test func resultsOfAnOldIncarnationAreNotSent() {
        var core = WorkerCore.ready(images: 2)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.received(.task(S.task(0, 1))))
        #expect(
            core.step(.received(.goodbye(reason: "greet first", isFinished: false))) == [
                .log(.dismissed("greet first")), .reconnect,
            ])
        #expect(core.step(.connected) == [.send(.hello(S.hello()))])
        let welcome = Welcome(job: S.job, epoch: S.epoch + 1, network: S.network)
        // It has the network already; the coordinator gives work to who answers.
        #expect(
            core.step(.received(.welcome(welcome))) == [
                .log(.welcomed(welcome)), .send(.heartbeat(progress: 2)),
            ])
        #expect(core.step(S.computed(0, 0)) == [])
    }

    /// The bits are the same whoever asked, so work survives a lost connection.
    @Test func resultsSurviveANewConnection() {
        var core = WorkerCore.ready(images: 1)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.connected)
        _ = core.step(.received(.welcome(S.welcome)))
        #expect(core.step(S.computed(0, 0)) == [.send(.result(S.result(0, 0)))])
    }

    @Test func resultsWaitForNobodyWhileGreeting() {
        var core = WorkerCore.ready(images: 1)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.connected)
        #expect(core.step(S.computed(0, 0)) == [])
    }

    @Test func heartbeatsComeOnceASecondAndCountWork() {
        var core = WorkerCore.ready(images: 1)
        #expect(core.step(.tick, at: 999) == [])
        #expect(core.step(.tick, at: 1_000) == [.send(.heartbeat(progress: 1))])
        _ = core.step(.received(.task(S.task(0, 0))), at: 1_100)
        _ = core.step(S.computed(0, 0), at: 1_200)
        #expect(core.step(.tick, at: 1_999) == [])
        #expect(core.step(.tick, at: 2_000) == [.send(.heartbeat(progress: 2))])
    }

    @Test func waitingForBlobsIsProgress() {
        var core = WorkerCore.ready(images: 1)
        _ = core.step(.received(.task(S.task(0, 5))))
        #expect(core.step(.tick, at: 1_000) == [.send(.heartbeat(progress: 2))])
        #expect(core.step(.tick, at: 2_000) == [.send(.heartbeat(progress: 3))])
        _ = core.step(.received(.chunk("image 5")), at: 2_100)
        #expect(core.step(.tick, at: 3_000) == [.send(.heartbeat(progress: 3))])
    }

    @Test func aComputationThatHangsEndsTheWorker() {
        var core = WorkerCore.ready(images: 1)
        _ = core.step(.received(.task(S.task(0, 0))))
        for second in 1...60 {
            _ = core.step(.received(.heartbeat(progress: 0)), at: second * 1_000)
            #expect(core.step(.tick, at: second * 1_000).count == 1)
        }
        _ = core.step(.received(.heartbeat(progress: 0)), at: 60_900)
        #expect(
            core.step(.tick, at: 60_900) == [
                .send(.goodbye(reason: "compute hung", isFinished: false)), .exit(.hung),
            ])
    }

    @Test func aProcessThatWasStoppedDoesNotHang() {
        var core = WorkerCore.ready(images: 1)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.tick, at: 1_000)
        _ = core.step(.received(.heartbeat(progress: 0)), at: 3_600_000)
        #expect(!core.step(.tick, at: 3_600_000).contains(.exit(.hung)))
    }

    @Test func greetingsAreRepeated() {
        var core = WorkerCore(hello: S.hello())
        _ = core.step(.connected, at: 0)
        #expect(core.step(.tick, at: 1_000) == [.send(.hello(S.hello()))])
    }

    @Test func silenceMeansANewConnection() {
        var core = WorkerCore.ready(images: 0)
        _ = core.step(.received(.heartbeat(progress: 0)), at: 2_000)
        #expect(core.step(.tick, at: 6_999) == [.send(.heartbeat(progress: 0))])
        #expect(core.step(.tick, at: 7_000) == [.log(.silence(.seconds(5))), .reconnect])
        #expect(core.step(.connected, at: 7_000) == [.send(.hello(S.hello()))])
        #expect(core.step(.tick, at: 7_999) == [])
    }

    @Test func aLongSilenceIsToldMoreAndMoreRarely() {
        var core = WorkerCore(hello: S.hello())
        _ = core.step(.connected)
        var told: [Duration] = []
        for second in 1...300 {
            for action in core.step(.tick, at: second * 1_000) {
                if case .log(.silence(let silence)) = action { told.append(silence) }
                if action == .reconnect { _ = core.step(.connected, at: second * 1_000) }
            }
        }
        #expect(told == [5, 10, 20, 40, 80, 160].map { Duration.seconds($0) })
        // A word, and it is news again.
        _ = core.step(.received(.heartbeat(progress: 0)), at: 301_000)
        #expect(core.step(.tick, at: 306_000) == [.log(.silence(.seconds(5))), .reconnect])
    }

    @Test func refusedHandshakesAreFollowedByLongerAndLongerRests() {
        var core = WorkerCore(hello: S.hello())
        var (time, rests, exit): (Int, [Duration], WorkerExit?) = (0, [], nil)
        _ = core.step(.connected)
        while exit == nil {
            let actions = core.step(.rejected(.keyNotAdmitted), at: time)
            guard case .log(.rejected(.keyNotAdmitted, inARow: _, let rest))? = actions.first
            else {
                #expect(actions == [.exit(.rejected(.keyNotAdmitted))])
                exit = .rejected(.keyNotAdmitted)
                break
            }
            #expect(actions.dropFirst() == [.disconnect])
            rests.append(rest)
            let end = time + Int(rest / .milliseconds(1))
            #expect(core.step(.tick, at: end - 1) == [])
            #expect(core.step(.tick, at: end) == [.reconnect])
            #expect(core.step(.connected, at: end) == [.send(.hello(S.hello()))])
            time = end
        }
        let expected: [Double] = [0.5, 1, 2, 4, 8] + [Double](repeating: 15, count: 7)
        #expect(rests == expected.map { Duration.seconds($0) })
        #expect(core.step(.tick, at: time + 60_000) == [])
    }

    @Test func aWordEndsARowOfRefusals() {
        var limits = WorkerLimits()
        limits.refusals = .seconds(1)
        var core = WorkerCore(hello: S.hello(), limits: limits)
        for turn in 0..<20 {
            _ = core.step(.connected, at: turn * 1_000)
            let rejected = core.step(.rejected(.brokenOff), at: turn * 1_000)
            #expect(
                rejected == [
                    .log(.rejected(.brokenOff, inARow: 1, rest: .milliseconds(500))), .disconnect,
                ])
            _ = core.step(.tick, at: turn * 1_000 + 500)
            _ = core.step(.connected, at: turn * 1_000 + 500)
            _ = core.step(.received(.heartbeat(progress: 0)), at: turn * 1_000 + 600)
        }
    }

    /// Workers and coordinators may be started in any order.
    @Test func nobodyIsWaitedForWithoutEnd() {
        var core = WorkerCore(hello: S.hello())
        _ = core.step(.connected)
        #expect(core.step(.rejected(.nobody), at: 100) == [.log(.nobodyThere)])
        for turn in 0..<10_000 {
            let actions = core.step(.rejected(.nobody), at: 200 + turn * 100)
            #expect(actions == [])
        }
    }

    @Test func aRestingWorkerCanBeStopped() {
        var core = WorkerCore.ready(images: 0)
        _ = core.step(.rejected(.mechanismMismatch))
        #expect(core.step(.stop(reason: "SIGTERM")).last == .exit(.stopped("SIGTERM")))
    }

    @Test func whatWasAskedForIsAskedForAgain() {
        var core = WorkerCore(hello: S.hello())
        _ = core.step(.connected)
        _ = core.step(.received(.welcome(S.welcome)))
        _ = core.step(.connected)
        #expect(core.step(.received(.chunk("network blob"))) == [])
        #expect(
            core.step(.received(.welcome(S.welcome))) == [
                .log(.welcomed(S.welcome)), .fetch("network blob"),
            ])
    }

    @Test func damagedBlobsMeanANewConnection() {
        var core = WorkerCore(hello: S.hello())
        _ = core.step(.connected)
        _ = core.step(.received(.welcome(S.welcome)))
        var chunk = BlobChunk("network blob")
        chunk.bytes[3] ^= 1
        #expect(
            core.step(.received(.chunk(chunk))) == [.log(.damagedBlob(S.network)), .reconnect])
    }

    @Test func theEndIsAnswered() {
        var core = WorkerCore.ready(images: 1)
        #expect(
            core.step(.received(.goodbye(reason: "done", isFinished: true))) == [
                .send(.goodbye(reason: "done", isFinished: true)), .exit(.finished("done")),
            ])
        #expect(core.step(.tick, at: 60_000) == [])
        #expect(core.step(.connected) == [])
    }

    @Test func refusalEndsTheWorker() {
        var core = WorkerCore(hello: S.hello())
        _ = core.step(.connected)
        #expect(core.step(.received(.refusal(reason: "old"))) == [.exit(.refused("old"))])
        #expect(core.step(.received(.welcome(S.welcome))) == [])
    }

    @Test func aStoppedWorkerSaysGoodbye() {
        var core = WorkerCore.ready(images: 1)
        #expect(
            core.step(.stop(reason: "SIGTERM")) == [
                .send(.goodbye(reason: "SIGTERM", isFinished: false)), .exit(.stopped("SIGTERM")),
            ])
    }

    @Test func nonsenseMeansANewConnection() {
        let direction = WireError(.field("direction"))
        for message in [
            Message.hello(S.hello()), .result(S.result(0, 0)), .failure(S.id(0, 0), reason: ""),
            .fetch(BlobRange(digest: S.network, offset: 0, length: 1)),
        ] {
            var core = WorkerCore.ready(images: 1)
            #expect(core.step(.received(message)) == [.log(.malformed(direction)), .reconnect])
        }
        var core = WorkerCore.ready(images: 1)
        #expect(
            core.step(.malformed(WireError(.noFrames))) == [
                .log(.malformed(WireError(.noFrames))), .reconnect,
            ])
    }

    @Test func aSecondWelcomeChangesNothing() {
        var core = WorkerCore.ready(images: 2)
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(.received(.task(S.task(0, 1))))
        #expect(core.step(.received(.welcome(S.welcome))) == [])
        #expect(core.step(S.computed(0, 0)).count == 2)
    }

    @Test func blobsAboveTheLimitAreForgotten() {
        var limits = WorkerLimits()
        limits.blobBytes = 20
        var core = WorkerCore.ready(images: 2, limits: limits)
        // The network and one image are 19 bytes.
        _ = core.step(.received(.task(S.task(0, 0))))
        _ = core.step(S.computed(0, 0))
        #expect(core.step(.received(.task(S.task(0, 1)))) == [.fetch("image 1")])
    }
}
