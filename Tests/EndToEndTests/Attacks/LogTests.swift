// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// Peers with a listed key that make the coordinator write.
    @Suite(.serialized) struct LogFloods {
        private func count(_ event: String, in log: String) -> Int {
            log.split(separator: "\n").count { $0.contains(event) }
        }

        @Test func failuresOfShardsThatNobodyHas() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            _ = try peer.takeTask()
            let other = TaskID(
                job: Digest.sha256(of: "other"), epoch: 1, round: 0, shard: 0, attempt: 0)
            for _ in 0..<5_000 { try peer.send(.failure(other, reason: "none")) }
            let line = try guarded.coordinator.line(containing: "lines left out", "more=")
            #expect(line.contains("key=one"), "\(line)")
            let told = count("shard failed", in: guarded.coordinator.logText)
            #expect(told >= 1_000 && told < 1_200, "\(told) lines")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
        }

        /// Each greeting is of another worker on the same connection.
        @Test func greetingsWithoutEnd() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            for number in 0..<750 {
                var hello = MisbehavingPeer.hello
                hello.process += 1 + UInt32(number)
                try peer.join()
                try peer.send(.hello(hello))
                try peer.next("a goodbye") { if case .goodbye = $0 { () } else { nil } }
            }
            let line = try guarded.coordinator.line(containing: "lines left out", "more=")
            #expect(line.contains("key=one"), "\(line)")
            let log = guarded.coordinator.logText
            let told = count("worker admitted", in: log) + count("worker lost", in: log)
            #expect(told < 1_200, "\(told) lines")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
        }
    }
}
