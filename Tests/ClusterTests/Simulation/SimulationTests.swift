// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import TestSupport
import Testing

@Suite struct SimulationTests {
    /// Seeds per variant and test run: 10,000 different ones in all with optimization, which makes
    /// them 20 times as fast.
    #if DEBUG
        private static let seeds = 120
    #else
        private static let seeds = 3_334
    #endif

    /// Every variant tries the first seed, so that a printed one is repeated at once, and then
    /// others than the rest.
    private static func seeds(of variant: SimulatedJob.Variant) -> [UInt64] {
        let variants = SimulatedJob.Variant.allCases
        let own = variants.firstIndex(of: variant) ?? 0
        return (0..<seeds).map { turn in
            TestSeed.value &+ UInt64(turn == 0 ? 0 : turn * variants.count + own)
        }
    }

    @Test(arguments: SimulatedJob.Variant.allCases)
    func everyStormEndsWithTheUndisturbedBits(variant: SimulatedJob.Variant) throws {
        var total = SimulatedCluster.Counts()
        for seed in Self.seeds(of: variant) {
            var cluster = SimulatedCluster(SimulationPlan(seed: seed, variant: variant))
            do {
                _ = try cluster.run()
            } catch {
                Issue.record("\(variant): \(error)")
                return
            }
            total.add(cluster.counts)
        }
        print("simulation, \(variant): \(Self.seeds) seeds, \(total)")
        // A storm that never hits anything proves nothing.
        for count in [
            total.coordinatorCrashes, total.workerCrashes, total.cuts, total.stalls,
            total.partitions, total.replays,
            total.ignored, total.lost, total.duplicated, total.hung, total.audited,
            total.tricks, total.foreign, total.lies, total.misshapen, total.here,
        ] { #expect(count > 0) }
        #if !DEBUG
            // Of few seeds, one in a thousand sets shows no fault of a disk.
            for rare in [
                total.quarantined, total.startedOver, total.damaged, total.diskFaults, total.alone,
                total.unreduced,
            ] {
                #expect(rare > 0)
            }
        #endif
    }

    @Test(arguments: SimulatedJob.Variant.allCases)
    func undisturbedRunsNeverLoseAWorker(variant: SimulatedJob.Variant) throws {
        for offset in 0..<20 as Range<UInt64> {
            var plan = SimulationPlan(seed: TestSeed.value &+ offset, variant: variant).undisturbed
            plan.maximumDelay = 30
            var cluster = SimulatedCluster(plan)
            #expect(try cluster.run() == cluster.simulated.progress)
            // A straggler's own answer may come after its helper's.
            #expect(cluster.counts.lost == 0, "seed \(plan.seed)")
            #expect(cluster.counts.ignored <= cluster.counts.duplicated, "seed \(plan.seed)")
        }
    }

    /// Half a minute with nobody there, told every ten seconds.
    @Test(arguments: SimulatedJob.Variant.allCases)
    func noWorkersForHalfAMinute(variant: SimulatedJob.Variant) throws {
        for offset in 0..<20 as Range<UInt64> {
            var plan = SimulationPlan(seed: TestSeed.value &+ offset, variant: variant).undisturbed
            (plan.maximumDelay, plan.workersStart) = (30, 32_000...40_000)
            plan.faultsEnd = 32_000
            // None comes before they end.
            plan.faultGap = .max / 2
            var cluster = SimulatedCluster(plan)
            #expect(try cluster.run() == cluster.simulated.progress)
            #expect(cluster.counts.lonely == 3, "seed \(plan.seed)")
        }
    }

    /// Greetings that had piled up took shards away, and late answers released shards of the next
    /// round.
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

extension SimulationTests {
    /// A checkpoint whose directory was not synchronized was read, and lost with the machine before
    /// anything was told.
    @Test func seedOfACheckpointThatWasNeverDurable() throws {
        var cluster = SimulatedCluster(
            SimulationPlan(seed: 6_189_486_124_740_482_772, variant: .post))
        #expect(try cluster.run() == cluster.simulated.progress)
    }

    /// A liar that was killed and came back as another process confirmed its own wrong result.
    @Test func seedOfALiarThatComesBack() throws {
        var cluster = SimulatedCluster(
            SimulationPlan(seed: 5_420_196_143_821_870_023, variant: .tuned))
        #expect(try cluster.run() == cluster.simulated.progress)
    }
}

/// The simulation has to notice what it is there for.
@Suite struct PlantedBugTests {
    /// Runs until one notices the bug.
    /// - Returns: how many runs it took and what the last one says; nil if none of `limit` says
    ///   anything.
    private func finding(_ bug: PlantedBug?, limit: UInt64) -> (runs: UInt64, text: String)? {
        for offset in 0..<limit {
            var plan = SimulationPlan(
                seed: TestSeed.value &+ offset, variant: offset % 2 == 0 ? .pre : .tuned)
            plan.bug = bug
            plan.workers = bug == .noLease ? 1 : 4
            (plan.duplicates, plan.diskFaults, plan.faultsEnd) = (0.2, 0.2, 20_000)
            if bug == .claimedIdentity { (plan.hasKeys, plan.adversaries) = (true, 2) }
            var cluster = SimulatedCluster(plan)
            do {
                _ = try cluster.run()
            } catch {
                return (offset + 1, "\(error)")
            }
        }
        return nil
    }

    @Test(arguments: PlantedBug.allCases)
    func everyOneIsNoticed(bug: PlantedBug) {
        let finding = finding(bug, limit: 600)
        print("planted bug \(bug): noticed by run \(finding?.runs ?? 0), \(finding?.text ?? "")")
        #expect(finding != nil)
    }

    @Test func nothingIsNoticedWithoutABug() {
        let finding = finding(nil, limit: 60)
        #expect(finding == nil, "\(finding?.text ?? "")")
    }
}

extension SimulatedCluster.Counts {
    mutating func add(_ other: Self) {
        events += other.events
        rounds += other.rounds
        coordinatorCrashes += other.coordinatorCrashes
        workerCrashes += other.workerCrashes
        cuts += other.cuts
        stalls += other.stalls
        partitions += other.partitions
        replays += other.replays
        ignored += other.ignored
        lost += other.lost
        lonely += other.lonely
        duplicated += other.duplicated
        hung += other.hung
        audited += other.audited
        quarantined += other.quarantined
        startedOver += other.startedOver
        tricks += other.tricks
        lies += other.lies
        misshapen += other.misshapen
        unreduced += other.unreduced
        foreign += other.foreign
        here += other.here
        alone += other.alone
        diskFaults += other.diskFaults
        damaged += other.damaged
    }
}
