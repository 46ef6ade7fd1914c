import Calibration
import Storage
import Testing

@testable import Cluster

/// Shards computed twice, and workers whose bits are wrong.
@Suite struct CoordinatorAuditTests {
    private typealias S = Scenario

    private func hello(_ worker: WorkerID) -> Hello { S.hello("host-\(worker.number)") }

    /// One shard, audited; a has computed it, and its answer is `[0]`.
    private func core(
        _ workers: WorkerID..., isResumed: Bool = false
    ) -> (core: CoordinatorCore, actions: [CoordinatorCore.Action]) {
        var core = CoordinatorCore(
            job: S.job, epoch: S.epoch, network: S.network, golden: S.golden,
            limits: CoordinatorLimits(lease: .seconds(4), auditShare: 1), isResumed: isResumed)
        for worker in workers { _ = core.step(.received(worker, .hello(hello(worker)))) }
        _ = core.step(S.opening(0, shards: 1))
        let actions = core.step(.received(S.a, .result(S.result(0, 0))))
        return (core, actions)
    }

    private func answer(
        of worker: WorkerID, _ payload: [UInt8], _ core: inout CoordinatorCore
    ) -> [CoordinatorCore.Action] {
        core.step(.received(worker, .result(S.result(0, 0, attempt: 1, payload: payload))))
    }

    private func shutOut(_ worker: WorkerID) -> [CoordinatorCore.Action] {
        let reason =
            "quarantined: this worker's results were wrong; check the machine's memory and processor"
        return [
            .log(.workerQuarantined(hello(worker), round: 0, shard: 0)),
            .lost(worker, .quarantined, shards: []),
            .send(worker, .refusal(reason: reason)), .forget(worker),
        ]
    }

    @Test func anotherWorkerConfirms() {
        var (core, actions) = core(S.a, S.b)
        #expect(actions == [.task(S.b, 0, 0, attempt: 1)])
        #expect(answer(of: S.b, [0], &core) == [.complete(round: 0, results: [[0]])])
        #expect(core.quarantined.isEmpty)
    }

    @Test func theCoordinatorDecidesBetweenTwo() {
        for (truth, liar) in [([0], S.b), ([9], S.a)] as [([UInt8], WorkerID)] {
            var (core, _) = core(S.a, S.b)
            #expect(
                answer(of: S.b, [9], &core) == [
                    .log(.resultsDiffer(round: 0, shard: 0, [hello(S.a), hello(S.b)])),
                    .recompute(S.task(0, 0, attempt: 2)),
                ])
            #expect(
                core.step(.recomputed(S.id(0, 0, attempt: 2), payload: truth))
                    == shutOut(liar) + [.complete(round: 0, results: [truth])])
            #expect(core.quarantined.values.map(\.host) == [hello(liar).host])
            // Not on another connection either.
            let again = core.step(.received(S.c, .hello(hello(liar))))
            #expect(again.contains(.forget(S.c)) && core.workerCount == 1)
        }
    }

    @Test func bothMayBeWrong() {
        var (core, _) = core(S.a, S.b)
        _ = answer(of: S.b, [9], &core)
        #expect(
            core.step(.recomputed(S.id(0, 0, attempt: 2), payload: [5]))
                == shutOut(S.a) + shutOut(S.b) + [.complete(round: 0, results: [[5]])])
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
                .log(.resultsDiffer(round: 0, shard: 0, [hello(S.a), .coordinator]))
            ] + shutOut(S.a) + [.complete(round: 0, results: [[1]])])
    }

    /// Nobody knows who computed the rounds of earlier incarnations.
    @Test func aResumedJobStartsOverWithoutALiar() {
        var (core, _) = core(S.a, S.b, isResumed: true)
        _ = answer(of: S.b, [9], &core)
        let actions = core.step(.recomputed(S.id(0, 0, attempt: 2), payload: [0]))
        #expect(actions.contains(.log(.startingOver(hello(S.b)))) && actions.contains(.startOver))
        #expect(
            core.step(.startedOver(epoch: S.epoch + 1)) == [
                .send(S.a, .goodbye(reason: "the job starts over", isFinished: false)),
                .forget(S.a),
            ])
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
