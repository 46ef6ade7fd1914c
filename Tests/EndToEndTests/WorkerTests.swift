// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// However many workers there are, and whatever happens to them, the bits are the same.
    @Suite(.serialized) struct Workers {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        @Test(arguments: [(1, 2), (2, 1), (3, 2)])
        func calibrateDoesNotDependOnTheirNumber(workers: Int, threads: Int) throws {
            let outcome = try ChildProcess.run(
                ["calibrate", "--workers", "\(workers)", "--threads", "\(threads)"]
                    + Example.flags(out: out))
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
            for file in ["ledger.json", "run.json", "checkpoint"] {
                #expect(scratch.exists("out/" + file), "\(file) is missing")
            }
        }

        @Test(arguments: [(1, 2), (3, 1)])
        func equalizationDoesNotDependOnTheirNumberEither(workers: Int, threads: Int) throws {
            let outcome = try ChildProcess.run(
                ["calibrate", "--workers", "\(workers)", "--threads", "\(threads)"]
                    + Example.equalizedFlags(out: out))
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.referenceEqualized.get())
        }

        @Test func matchingBehindTheActivationDoesNotDependOnTheirNumberEither() throws {
            let outcome = try ChildProcess.run(
                ["calibrate", "--workers", "3", "--threads", "2"]
                    + Example.flags(out: out, match: "post"))
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.referencePost.get())
            #expect(try Results(in: out) != Results.reference.get())
        }

        @Test func processesOnTheNetworkGiveTheSameBits() throws {
            let cluster = try Cluster(
                flags: Example.flags(out: out, config: try Example.patient(in: scratch)))
            let first = try cluster.worker()
            try cluster.coordinator.line(containing: "worker admitted", "pid=\(first.identifier)")
            // It rests until the other one is there too: the whole job takes little longer than a
            // start.
            first.signal(SIGSTOP)
            let second = try cluster.worker(threads: 2)
            try cluster.coordinator.line(containing: "worker admitted", "pid=\(second.identifier)")
            first.signal(SIGCONT)
            try cluster.expectReference(in: out)
            for worker in [first, second] { #expect(try worker.finish().status == 0) }
        }

        @Test(arguments: [1, 5])
        func killedInMidRound(round: Int) throws {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let victim = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=\(round) ")
            // With the coordinator at rest the only worker cannot finish what is left of the job.
            cluster.coordinator.signal(SIGSTOP)
            try victim.end(by: SIGKILL)
            cluster.coordinator.signal(SIGCONT)
            try cluster.coordinator.line(containing: "worker lost", "pid=\(victim.identifier)")
            let next = try cluster.worker()
            try cluster.expectReference(in: out)
            #expect(try next.finish().status == 0)
        }

        @Test func joiningInTheMiddle() throws {
            let cluster = try Cluster(flags: Example.flags(out: out))
            let first = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=1 ")
            // The job waits here until the second one is admitted: it has to do all the rest.
            first.signal(SIGSTOP)
            let second = try cluster.worker()
            try cluster.coordinator.line(containing: "worker admitted", "pid=\(second.identifier)")
            first.signal(SIGKILL)
            try cluster.expectReference(in: out)
            #expect(try second.finish().status == 0)
        }

        @Test func stoppedBeyondTheLeaseAndContinued() throws {
            let config = try Example.configuration(
                ["  lease_seconds: 2.5": "  lease_seconds: 1.5"], in: scratch)
            let cluster = try Cluster(flags: Example.flags(out: out, config: config))
            let sleeper = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            sleeper.signal(SIGSTOP)
            try cluster.coordinator.line(containing: "worker lost", "pid=\(sleeper.identifier)")
            // It comes back as a stranger with results of a lease it no longer has.
            sleeper.signal(SIGCONT)
            try cluster.coordinator.line(containing: "worker admitted", "pid=\(sleeper.identifier)")
            let helper = try cluster.worker()
            try cluster.expectReference(in: out)
            #expect(try sleeper.finish().status == 0)
            // The job may have ended before it was heard; then it waits for another one.
            try helper.end()
        }

        @Test func localWorkersThatDieAreReplaced() throws {
            let calibrate = try ChildProcess(
                ["calibrate", "--workers", "1", "--verbose"] + Example.flags(out: out))
            let admitted = try calibrate.line(containing: "worker admitted", "pid=")
            let pid = try #require(
                admitted.firstMatch(of: /pid=(\d+)/).flatMap { Int32($0.output.1) })
            kill(pid, SIGKILL)
            try calibrate.line(containing: "local worker ended", "pid=\(pid)")
            let outcome = try calibrate.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }
    }
}
