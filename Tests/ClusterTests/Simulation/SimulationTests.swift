import Calibration
import TestSupport
import Testing

@Suite struct SimulationTests {
    /// Seeds per mode and test run.
    private static let seeds = 120

    @Test(arguments: SimulatedJob.Variant.allCases)
    func everyStormEndsWithTheUndisturbedBits(variant: SimulatedJob.Variant) throws {
        var total = SimulatedCluster.Counts()
        for offset in 0..<UInt64(Self.seeds) {
            var cluster = SimulatedCluster(
                SimulationPlan(seed: TestSeed.value &+ offset, variant: variant))
            do {
                _ = try cluster.run()
            } catch {
                Issue.record("\(variant): \(error)")
                return
            }
            total.add(cluster.counts)
        }
        print("simulation, \(variant): \(total)")
        // A storm that never hits anything proves nothing.
        for count in [
            total.coordinatorCrashes, total.workerCrashes, total.cuts, total.replays,
            total.ignored, total.lost, total.duplicated,
        ] { #expect(count > 0) }
    }

    @Test(arguments: SimulatedJob.Variant.allCases)
    func undisturbedRunsNeverLoseAWorker(variant: SimulatedJob.Variant) throws {
        for offset in 0..<20 as Range<UInt64> {
            var plan = SimulationPlan(seed: TestSeed.value &+ offset, variant: variant).undisturbed
            plan.maximumDelay = 30
            var cluster = SimulatedCluster(plan)
            #expect(try cluster.run() == cluster.simulated.progress)
            #expect(cluster.counts.lost == 0 && cluster.counts.ignored == 0, "seed \(plan.seed)")
        }
    }

    /// Greetings that had piled up took shards away, and late answers released shards of the next round.
    @Test(arguments: [16, 1_008, 3_008] as [UInt64])
    func seedsThatOnceLeftAShardWithNobody(seed: UInt64) throws {
        for variant in SimulatedJob.Variant.allCases {
            var plan = SimulationPlan(seed: seed, variant: variant).undisturbed
            plan.maximumDelay = 30
            var cluster = SimulatedCluster(plan)
            #expect(try cluster.run() == cluster.simulated.progress)
        }
    }
}

/// The simulation has to notice what it is there for.
@Suite struct PlantedBugTests {
    private func findings(_ reduction: Reduction) -> Int {
        (0..<20 as Range<UInt64>).count { offset in
            var plan = SimulationPlan(seed: TestSeed.value &+ offset, variant: .pre)
            plan.reduction = reduction
            plan.workers = 4
            plan.duplicates = 0.2
            var cluster = SimulatedCluster(plan)
            do {
                _ = try cluster.run()
                return false
            } catch {
                return true
            }
        }
    }

    @Test func reductionInArrivalOrderIsNoticed() { #expect(findings(.inArrivalOrder) > 0) }

    @Test func resultsCountedTwiceAreNoticed() { #expect(findings(.withDuplicates) > 0) }

    @Test func nothingIsNoticedWithoutABug() { #expect(findings(.inShardOrder) == 0) }
}

extension SimulatedCluster.Counts {
    mutating func add(_ other: Self) {
        events += other.events
        rounds += other.rounds
        coordinatorCrashes += other.coordinatorCrashes
        workerCrashes += other.workerCrashes
        cuts += other.cuts
        replays += other.replays
        ignored += other.ignored
        lost += other.lost
        duplicated += other.duplicated
    }
}
