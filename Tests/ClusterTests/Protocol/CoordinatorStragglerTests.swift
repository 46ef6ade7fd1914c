import Calibration
import Testing

@testable import Cluster

/// Shards of slow workers: a second worker gets them when three quarters of the round are done and they have taken
/// longer than twice the median and than 250 ms.
@Suite struct CoordinatorStragglerTests {
    private typealias S = Scenario

    /// Worker a holds shards 0 and 2 of eight and says nothing; b answers one every `pace` milliseconds.
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
                .ignored(S.a, S.id(0, 0), "duplicate")
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
}
