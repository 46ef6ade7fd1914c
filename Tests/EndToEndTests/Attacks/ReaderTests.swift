// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// Peers with a listed key that ask for blobs or shards, and go no further.
    @Suite(.serialized) struct Readers {
        /// Connections that were welcomed, and ask for so many parts of the network each.
        private func readers(
            of guarded: GuardedCluster, asking count: Int
        ) throws -> [MisbehavingPeer] {
            let holder = try guarded.recklessPeer("one", context: Context())
            let network = try holder.takeTask().network
            holder.socket.close()
            let context = try Context()
            let request = MessageCodec.encode(
                .fetch(BlobRange(digest: network, offset: 0, length: BlobChunk.limit)))
            return try (0..<16).map { _ in
                let peer = try guarded.recklessPeer("one", context: context, queue: 8)
                try peer.join()
                var asked = 0
                while asked < count, try peer.sendIfConnected(request) { asked += 1 }
                return peer
            }
        }

        /// More than a worker has under way: the protocol knows no such worker.
        @Test(.staysFlat(mebibytes: 112)) func askingForMoreThanAWorkerMay() throws {
            let guarded = try GuardedCluster()
            let peers = try readers(of: guarded, asking: 400)
            for _ in peers {
                try guarded.coordinator.line(
                    containing: "worker does not take messages", "key=one")
            }
            #expect(guarded.coordinator.logText.contains("connection ended"))
            for peer in peers { peer.socket.close() }
            try guarded.expectUndisturbed(memory: 96)
        }

        /// No more than may wait for one connection: bytes on the way are bounded, and who takes
        /// none is ended.
        @Test(.staysFlat(mebibytes: 112)) func takingNothing() throws {
            let guarded = try GuardedCluster()
            let peers = try readers(of: guarded, asking: 60)
            // They say that they live.
            let beat = MessageCodec.encode(.heartbeat(progress: 1))
            try ProcessUse.wait(for: "the end of all", of: guarded.coordinator) { _ in
                for peer in peers { _ = try? peer.socket.send(beat) }
                let lines = guarded.coordinator.logText.split(separator: "\n")
                return lines.count { $0.contains("worker lost") && $0.contains("credit") } == 16
            }
            try guarded.coordinator.line(containing: "connection ended", "reason=unread")
            for peer in peers { peer.socket.close() }
            try guarded.expectUndisturbed(memory: 96)
        }

        /// Its connection would last as long as it likes; with its lease it loses that too.
        @Test func holdingShardsAndSayingNothing() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            _ = try peer.takeTask()
            try guarded.coordinator.line(
                containing: "worker lost", "cause=lease expired", "key=one", "address=127.0.0.1")
            try guarded.coordinator.line(containing: "connection ended", "reason=dismissed")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
        }
    }
}
