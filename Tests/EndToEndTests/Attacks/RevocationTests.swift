// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// Keys taken off the allow-list while a job runs.
    @Suite(.serialized) struct Revocation {
        /// A job that does not end while a test goes on, however many workers it has.
        static let endless = ["--limit", "12", "--method", "ibc,bft", "--epochs", "100000"]

        @Test func workerAtWorkHasToGo() throws {
            let guarded = try GuardedCluster(lease: 60, flags: Self.endless)
            let worker = try guarded.worker("one")
            try guarded.coordinator.line(containing: "worker admitted", "pid=\(worker.identifier)")
            try FileManager.default.removeItem(atPath: guarded.scratch("allowed/one.pub"))
            guarded.coordinator.signal(SIGHUP)
            try guarded.coordinator.line(containing: "allow-list read again", "removed=one")
            try guarded.coordinator.line(containing: "key revoked", "worker-1")
            try guarded.coordinator.line(
                containing: "worker lost", "pid=\(worker.identifier)", "cause=key revoked")
            let outcome = try worker.finish()
            #expect(outcome.status == 69, "\(outcome.log)")
            #expect(outcome.log.contains("key revoked"), "\(outcome.log)")
            // Nor does it get in again.
            let again = try guarded.worker("one")
            try guarded.coordinator.line(containing: "key refused", "allow-list")
            try again.end()
            try guarded.coordinator.end()
        }

        @Test func listIsReadAgainWithoutBeingAsked() throws {
            let guarded = try GuardedCluster(listFile: true, lease: 60)
            let holder = try guarded.recklessPeer("one", context: Context())
            _ = try holder.takeTask()
            try guarded.scratch.write(
                try GuardedCluster.list(guarded.scratch, ["two"]), to: "list")
            try guarded.coordinator.line(containing: "key revoked", "worker-1")
            try guarded.coordinator.line(
                containing: "worker lost", "cause=key revoked", "shards=[0, 1]")
            try guarded.expectUndisturbed(memory: 32)
            holder.socket.close()
        }

        @Test func malformedListLeavesTheEarlierOne() throws {
            let guarded = try GuardedCluster(listFile: true, lease: 60, flags: Self.endless)
            try guarded.scratch.write("this is no key\n", to: "list")
            let line = try guarded.coordinator.line(
                containing: "allow-list cannot be used", "line 1")
            #expect(line.contains("/list"), "\(line)")
            // Keys of the earlier list are admitted as before.
            let worker = try guarded.worker("two")
            try guarded.coordinator.line(containing: "worker admitted", "pid=\(worker.identifier)")
            try guarded.scratch.write(
                try GuardedCluster.list(guarded.scratch, GuardedCluster.workers), to: "list")
            try guarded.coordinator.line(containing: "allow-list is usable again")
            #expect(!guarded.coordinator.logText.contains("key revoked"))
            try worker.end()
            try guarded.coordinator.end()
        }

        /// A peer that ignores its dismissal is not heard, and does not stay.
        @Test func resultsAfterwardsDoNotCount() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            let task = try peer.takeTask()
            try FileManager.default.removeItem(atPath: guarded.scratch("allowed/one.pub"))
            try guarded.coordinator.line(containing: "cause=key revoked")
            let reason = try peer.next("the refusal") {
                if case .refusal(let reason) = $0 { reason } else { nil }
            }
            #expect(reason == "key revoked")
            let biases = Digest.sha256(of: task.biases)
            try peer.send(.result(ShardResult(id: task.id, biases: biases, payload: [1])))
            try guarded.coordinator.line(containing: "messages of a revoked key are dropped")
            try guarded.coordinator.line(containing: "connection ended", "dismissed")
            try guarded.coordinator.line(containing: "key refused")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
        }
    }
}
