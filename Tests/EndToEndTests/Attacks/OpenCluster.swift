// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A coordinator on loopback without keys.
struct OpenCluster {
    let scratch: Scratch
    let out: String
    let cluster: Cluster
    let quiet: ProcessUse

    init() throws {
        scratch = try Scratch()
        out = scratch("out")
        cluster = try Cluster(flags: Example.flags(out: out))
        try cluster.coordinator.line(containing: "round opened", "round=0 ")
        quiet = try ProcessUse(cluster.coordinator)
    }

    /// The job still gives the bits of the undisturbed run; memory never grew by more than `memory`
    /// MiB, and nothing holds descriptors any more.
    func expectUndisturbed(memory: Int) throws {
        let use = try ProcessUse(cluster.coordinator)
        #expect(
            use.peakMemory - quiet.peakMemory <= memory,
            "grew from \(quiet.peakMemory) to \(use.peakMemory) MiB")
        print("memory: \(quiet.peakMemory) MiB before, at most \(use.peakMemory) MiB during")
        try ProcessUse.wait(for: "its descriptors to be closed", of: cluster.coordinator) {
            $0.descriptors <= quiet.descriptors + 8
        }
        let worker = try cluster.worker()
        let outcome = try cluster.coordinator.finish()
        #expect(outcome.status == 0, "\(outcome.log)")
        #expect(try Results(in: out) == Results.reference.get())
        #expect(try worker.finish().status == 0)
    }
}
