// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage
import Testing

@testable import Cluster

/// Shards computed twice, and workers whose bits are wrong.
@Suite struct CoordinatorAuditTests {
    private typealias S = Scenario

    private func account(_ worker: WorkerID) -> Account { S.account(worker, hasKey: true) }

    /// One shard, audited; a has computed it, and its answer is `[0]`.
    private func core(
        _ workers: WorkerID..., isResumed: Bool = false
    ) -> (core: CoordinatorCore, actions: [CoordinatorCore.Action]) {
        core(workers.map(account), isResumed: isResumed)
    }

    private func core(
        _ accounts: [Account], isResumed: Bool = false
    ) -> (core: CoordinatorCore, actions: [CoordinatorCore.Action]) {
        var core = CoordinatorCore(
            job: S.job, epoch: S.epoch, network: S.network, golden: S.golden,
            limits: CoordinatorLimits(lease: .seconds(4), auditShare: 1), isResumed: isResumed)
        for account in accounts { core.join(account) }
        _ = core.step(S.opening(0, shards: 1))
        let actions = core.step(.received(S.a, .result(S.result(0, 0))))
        return (core, actions)
    }

    private func answer(
        of worker: WorkerID, _ payload: [UInt8], _ core: inout CoordinatorCore
    ) -> [CoordinatorCore.Action] {
        core.step(.received(worker, .result(S.result(0, 0, attempt: 1, payload: payload))))
    }

    private static let reason =
        "quarantined: this worker's results were wrong; check the machine's memory and processor"

    private func shutOut(_ accounts: Account...) -> [CoordinatorCore.Action] {
        [.log(.workerQuarantined(accounts[0], round: 0, shard: 0))]
            + accounts.flatMap { account -> [CoordinatorCore.Action] in
                [
                    .lost(account, .quarantined, shards: []),
                    .send(account.worker, .refusal(reason: Self.reason)), .forget(account.worker),
                ]
            }
    }

    @Test func anotherKeyConfirms() {
        var (core, actions) = core(S.a, S.b)
        #expect(actions == [.task(S.b, 0, 0, attempt: 1)])
        #expect(answer(of: S.b, [0], &core) == [.complete(round: 0, results: [[0]])])
        #expect(core.quarantined.isEmpty)
    }

    /// Two connections of one key, as two hosts: what one says, the other does not confirm.
    @Test func aKeyDoesNotConfirmItself() {
        var twin = account(S.b)
        twin.credentials = account(S.a).credentials
        let actions = core([account(S.a), twin]).actions
        #expect(actions == [.recompute(S.task(0, 0, attempt: 1))])
        let keyless = core([S.account(S.a), S.account(S.b)]).actions
        #expect(keyless == [.recompute(S.task(0, 0, attempt: 1))])
    }

    @Test func theCoordinatorDecidesBetweenTwo() {
        for (truth, liar) in [([0], S.b), ([9], S.a)] as [([UInt8], WorkerID)] {
            var (core, _) = core(S.a, S.b)
            #expect(
                answer(of: S.b, [9], &core) == [
                    .log(.resultsDiffer(round: 0, shard: 0, [account(S.a), account(S.b)])),
                    .recompute(S.task(0, 0, attempt: 2)),
                ])
            #expect(
                core.step(.recomputed(S.id(0, 0, attempt: 2), payload: truth))
                    == shutOut(account(liar)) + [.complete(round: 0, results: [truth])])
            #expect(core.quarantined == [account(liar)])
            // Not on another connection either, nor by another name.
            let again = core.step(
                .received(S.c, .hello(S.hello("other")), account(liar).credentials))
            #expect(again.contains(.forget(S.c)) && core.workerCount == 1)
            // Its host and process are only its word: who else says the same is welcome.
            let namesake = core.step(
                .received(WorkerID(4), .hello(account(liar).hello), Credentials(key: "honest")))
            #expect(namesake == [.send(WorkerID(4), .welcome(S.welcome))])
        }
    }

    /// All connections of the key go, and nothing that only it said counts.
    @Test func aLiarGoesWithAllItsConnections() {
        var twin = account(S.c)
        twin.credentials = account(S.b).credentials
        var (core, _) = core([account(S.a), account(S.b), twin])
        _ = answer(of: S.b, [9], &core)
        #expect(
            core.step(.recomputed(S.id(0, 0, attempt: 2), payload: [0]))
                == shutOut(account(S.b), twin) + [.complete(round: 0, results: [[0]])])
    }

    @Test func bothMayBeWrong() {
        var (core, _) = core(S.a, S.b)
        _ = answer(of: S.b, [9], &core)
        #expect(
            core.step(.recomputed(S.id(0, 0, attempt: 2), payload: [5]))
                == shutOut(account(S.a)) + shutOut(account(S.b)) + [
                    .complete(round: 0, results: [[5]])
                ])
    }

    /// Where nobody trustworthy comes any more, the coordinator goes on; where nobody ever came, it
    /// waits.
    @Test func theCoordinatorFinishesAlone() {
        var (core, _) = core(S.a, S.b)
        _ = answer(of: S.b, [9], &core)
        _ = core.step(.recomputed(S.id(0, 0, attempt: 2), payload: [5]))
        _ = core.step(.tick, at: 100)
        _ = core.step(S.opening(1, shards: 3), at: 200)
        #expect(core.step(.tick, at: 4_050) == [])
        #expect(
            core.step(.tick, at: 4_250) == [
                .log(.computingAlone), .recompute(S.task(1, 0)), .recompute(S.task(1, 1)),
            ])
        #expect(
            core.step(.recomputed(S.id(1, 0), payload: [0]), at: 5_000) == [
                .recompute(S.task(1, 2))
            ])
        // Somebody new is given what is left.
        core.join(account(S.c), at: 5_100)
        _ = core.step(.recomputed(S.id(1, 1), payload: [1]), at: 5_200)
        #expect(
            core.step(.recomputed(S.id(1, 2), payload: [2]), at: 5_300) == [
                .complete(round: 1, results: [[0], [1], [2]])
            ])
    }

    @Test func aloneAWorkerIsConfirmedByTheCoordinator() {
        var (core, actions) = core(S.a)
        #expect(actions == [.recompute(S.task(0, 0, attempt: 1))])
        var honest = core
        #expect(
            honest.step(.recomputed(S.id(0, 0, attempt: 1), payload: [0])) == [
                .complete(round: 0, results: [[0]])
            ])
        #expect(
            core.step(.recomputed(S.id(0, 0, attempt: 1), payload: [1])) == [
                .log(.resultsDiffer(round: 0, shard: 0, [account(S.a), nil]))
            ] + shutOut(account(S.a)) + [.complete(round: 0, results: [[1]])])
    }

    /// Nobody knows who computed the rounds of earlier incarnations.
    @Test func aResumedJobStartsOverWithoutALiar() {
        var (core, _) = core(S.a, S.b, isResumed: true)
        _ = answer(of: S.b, [9], &core)
        let actions = core.step(.recomputed(S.id(0, 0, attempt: 2), payload: [0]))
        #expect(actions.contains(.log(.startingOver(account(S.b)))) && actions.contains(.startOver))
        #expect(
            core.step(.startedOver(epoch: S.epoch + 1)) == [
                .send(S.a, .goodbye(reason: "the job starts over", isFinished: false)),
                .forget(S.a),
            ])
    }

    /// Without keys whoever is shut out can come back as another: after three nobody without a key
    /// is trusted.
    @Test func startOversAreBounded() {
        var core = S.coordinator()
        var startOvers = 0
        for number in 1...5 {
            let worker = WorkerID(number)
            core.join(S.account(worker))
            for round in 0..<2 {
                _ = core.step(S.opening(round, shards: 1, shape: S.numbers))
                guard core.workerCount == 1 else { break }
                let id = S.id(round, 0, epoch: core.epoch)
                let isAudited = round == 0 && core.audit.share < 1
                let wrong = ShardResult(
                    id: id, biases: Digest.sha256(of: S.biases),
                    payload: isAudited ? [0, 0, 0, 9] : S.nan)
                let asked = core.step(.received(worker, .result(wrong)))
                guard let task = asked.lazy.compactMap(\.recomputed).first else { continue }
                let told = core.step(.recomputed(task.id, payload: [0, 0, 0, 0]))
                if told.contains(.startOver) {
                    startOvers += 1
                    _ = core.step(.startedOver(epoch: core.epoch + 1))
                    break
                }
            }
            if core.open != nil { _ = core.step(.startedOver(epoch: core.epoch + 1)) }
        }
        #expect(core.quarantined.count == 3 && startOvers <= 2)
        #expect(core.audit.share == 1)
    }

    /// A result that nothing computes is the coordinator's to check, and so is everything in a
    /// round that makes no sense.
    @Test func whatMakesNoSenseIsChecked() {
        let (one, seven): ([UInt8], [UInt8]) = ([1, 0, 0, 0], [7, 0, 0, 0])
        var core = CoordinatorCore.serving(S.a, S.b, hasKeys: true)
        _ = core.step(S.opening(0, shards: 2, shape: S.numbers))
        #expect(
            core.step(.received(S.a, .result(S.result(0, 0, payload: S.nan)))) == [
                .log(.computingHere(round: 0, shard: 0, .implausible)),
                .recompute(S.task(0, 0, attempt: 1)),
            ])
        _ = core.step(.received(S.b, .result(S.result(0, 1, payload: one))))
        // Odd images give odd results: it was right.
        #expect(
            core.step(.recomputed(S.id(0, 0, attempt: 1), payload: S.nan)) == [
                .complete(round: 0, results: [S.nan, one])
            ])
        #expect(
            core.step(.unreduced(round: 0)) == [
                .log(.computingHere(round: 0, shard: 1, .unreduced)),
                .recompute(S.task(0, 1, attempt: 1)),
            ])
        #expect(
            core.step(.recomputed(S.id(0, 1, attempt: 1), payload: seven)) == [
                .log(.resultsDiffer(round: 0, shard: 1, [account(S.b), nil])),
                .log(.workerQuarantined(account(S.b), round: 0, shard: 1)),
                .lost(account(S.b), .quarantined, shards: []),
                .send(S.b, .refusal(reason: Self.reason)), .forget(S.b),
                .complete(round: 0, results: [S.nan, seven]),
            ])
        // Everything is checked now: it is the images.
        #expect(core.step(.unreduced(round: 0)) == [.complete(round: 0, results: [S.nan, seven])])
    }

    /// Results that no worker computes: whose connection it was has to be known while it is.
    @Test func resultsOfAnotherShapeEndTheConnection() {
        let error = WireError(.field("result"))
        for payload in [[], [0], [0, 0, 0], [0, 0, 0, 0, 0]] as [[UInt8]] {
            var core = CoordinatorCore.serving(S.a, S.b, hasKeys: true)
            _ = core.step(S.opening(0, shards: 2, shape: S.numbers))
            #expect(
                core.step(.received(S.a, .result(S.result(0, 0, payload: payload)))) == [
                    .noteMalformed(S.a, error), .lost(account(S.a), .malformed(error), shards: [0]),
                    .forget(S.a), .task(S.b, 0, 0, attempt: 1),
                ])
            // What is not of this round is merely late.
            let late = S.result(7, 0, payload: payload)
            #expect(
                core.step(.received(S.b, .result(late))) == [.ignored(S.b, late.id, .stale)])
        }
    }

    /// About `share` of all shards, the same ones in every run of a job, others in other jobs.
    @Test(arguments: [0, 0.1, 0.5, 1])
    func theShareIsKept(share: Double) {
        let selection = AuditSelection(job: S.job, share: share)
        let other = AuditSelection(job: Digest.sha256(of: "other"), share: share)
        let all = (0..<100).flatMap { round in (0..<40).map { (round, $0) } }
        let chosen = all.map { selection.includes($1, ofRound: $0) }
        let count = Double(chosen.count { $0 })
        // Five standard deviations.
        let deviation = (4_000 * share * (1 - share)).squareRoot()
        #expect(abs(count - 4_000 * share) <= 5 * deviation)
        if share > 0, share < 1 {
            #expect(chosen != all.map { other.includes($1, ofRound: $0) })
        }
    }
}

extension CoordinatorCore.Action {
    fileprivate var recomputed: TaskMessage? {
        if case .recompute(let task) = self { task } else { nil }
    }
}
