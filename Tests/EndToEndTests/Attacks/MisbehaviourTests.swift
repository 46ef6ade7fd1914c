// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// A peer with a key that breaks the protocol, and peers of other builds.
    @Suite(.serialized) struct Misbehaviour {
        @Test func wrongKeyOfTheCoordinator() throws {
            let guarded = try GuardedCluster()
            let lost = try guarded.cluster.worker(security: [
                "--key", guarded.scratch("keys-one/worker.key"), "--server-key",
                guarded.scratch("keys-stranger/coordinator.pub"),
            ])
            try guarded.coordinator.line(containing: "handshake failed", "wrongKey")
            try guarded.expectUndisturbed(memory: 32)
            #expect(!lost.logText.contains("welcomed"))
            try lost.end()
        }

        @Test func otherBuildsAreToldWhy() throws {
            let guarded = try GuardedCluster()
            let context = try Context()
            let peer = try guarded.recklessPeer("one", context: context)
            var hello = MisbehavingPeer.hello
            hello.versions = 7...9
            #expect(try peer.refusal(of: hello).contains("7...9"))
            try guarded.coordinator.line(containing: "worker refused", "hostile", "7...9")
            hello = MisbehavingPeer.hello
            hello.golden = Digest.sha256(of: "other bits")
            #expect(try peer.refusal(of: hello).contains("golden"))
            try guarded.coordinator.line(containing: "worker refused", "hostile", "golden")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
        }

        @Test func garbageInFrames() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            var damaged = MessageCodec.encode(
                .result(
                    ShardResult(
                        id: try peer.takeTask().id, biases: Digest.sha256(of: ""),
                        payload: [1, 2, 3])))
            damaged[1][0] ^= 1
            try peer.send(damaged)
            try guarded.coordinator.line(containing: "malformed message", "digest")
            try guarded.coordinator.line(
                containing: "worker lost", "cause=malformed", "shards=[0, 1]")
            let garbage: [(frames: [[UInt8]], error: String)] = [
                ([[0xFF, 0xFF]], "checksum"), ([[]], "checksum"), ([[], []], "checksum"),
                ([MessageCodec.sealed([0xFF, 0xFF])], "protobuf"),
                ([MessageCodec.sealed([])], "version 0"),
                ([[UInt8]](repeating: [1], count: 5_000), "payload of 5000 bytes"),
                ([[UInt8](repeating: 8, count: 900_000)], "header of 900000 bytes"),
            ]
            for (frames, error) in garbage {
                try peer.send(frames)
                try guarded.coordinator.line(containing: "malformed message", error)
            }
            for _ in 0..<1_000 { try peer.send([[0xFF, 0xFF]]) }
            try guarded.coordinator.line(containing: "malformed messages", "more=")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 64)
        }

        /// Blobs nobody told of: a worker that waited for them would wait for ever, so it has to
        /// greet again.
        @Test func blobsThatDoNotExist() throws {
            let guarded = try GuardedCluster()
            for offset in [0, 1 << 40] {
                let peer = try guarded.recklessPeer("one", context: Context())
                let task = try peer.takeTask()
                let digest = offset == 0 ? Digest.sha256(of: "none") : task.network
                try peer.send(.fetch(BlobRange(digest: digest, offset: offset, length: 9)))
                try guarded.coordinator.line(containing: "a worker asks for an unknown blob")
                try guarded.coordinator.line(containing: "worker lost", "digest")
                peer.socket.close()
            }
            try guarded.expectUndisturbed(memory: 32)
        }

        /// What workers fail at, the coordinator computes.
        @Test func aShardThatFailsFourTimesIsTheCoordinatorsTurn() throws {
            let scratch = try Scratch()
            let out = scratch("out")
            let cluster = try Cluster(flags: Example.flags(out: out))
            let peer = try MisbehavingPeer(
                Context(), endpoint: cluster.endpoint, security: .none)
            try peer.join()
            for _ in 0..<4 {
                let task = try peer.next("shard 0") {
                    if case .task(let task) = $0, task.id.shard == 0 { task } else { nil }
                }
                try peer.send(.failure(task.id, reason: "out of luck"))
                try cluster.coordinator.line(containing: "shard failed", "shard=0", "out of luck")
            }
            try cluster.coordinator.line(
                containing: "computing a shard here", "shard=0", "workers fail at it")
            peer.socket.close()
            let worker = try cluster.worker()
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try Results(in: out) == Results.reference.get())
            try worker.end()
        }

        /// Machines of two keys go over one shard: the job stops with the images named, and can be
        /// gone on with.
        @Test func aShardThatEndsItsWorkersStopsTheJob() throws {
            let guarded = try GuardedCluster()
            let out = guarded.out
            for turn in 0..<8 {
                let peer = try guarded.recklessPeer(
                    GuardedCluster.workers[turn % 2], context: Context())
                let task = try peer.takeTask()
                #expect(task.id.shard == 0)
                // Its answer tells that the coordinator has heard of it since.
                try peer.send(.heartbeat(progress: 7))
                try peer.next("an answer") {
                    if case .heartbeat(progress: 7) = $0 { () } else { nil }
                }
                peer.socket.close()
                try guarded.coordinator.line(containing: "worker lost", "key=")
            }
            let outcome = try guarded.coordinator.finish()
            #expect(outcome.status == 70, "\(outcome.log)")
            #expect(
                outcome.log.contains(
                    "shard 0 (images: c000.png at position 0, c001.png at position 1)"),
                "\(outcome.log)")
            let again = try ChildProcess.run(
                ["calibrate", "--resume", "--workers", "1"] + Example.flags(out: out))
            #expect(again.status == 0, "\(again.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }

        /// Well-formed messages that are stale, replayed, of others, or none of a worker's
        /// business.
        @Test func messagesOutOfPlace() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            let task = try peer.takeTask()
            let biases = Digest.sha256(of: task.biases)
            func result(_ change: (inout TaskID) -> Void) -> Message {
                var id = task.id
                change(&id)
                return .result(ShardResult(id: id, biases: biases, payload: [1, 2, 3]))
            }
            let messages: [Message] = [
                result { $0.epoch += 1 }, result { $0.round += 1 }, result { $0.shard = 4_000 },
                result { $0.job = biases },
                .failure(
                    TaskID(job: biases, epoch: 1, round: 9, shard: 9, attempt: 9), reason: "x"),
                .heartbeat(progress: .max),
            ]
            for _ in 0..<100 { for message in messages { try peer.send(message) } }
            try guarded.coordinator.line(containing: "result ignored", "stale")
            // A result of this very task whose size no network of this kind has.
            try peer.send(.result(ShardResult(id: task.id, biases: biases, payload: [1, 2, 3])))
            try guarded.coordinator.line(containing: "malformed message", "result")
            try guarded.coordinator.line(containing: "worker lost", "shards=[0, 1]")
            _ = try peer.takeTask()
            try peer.send(.welcome(Welcome(job: biases, epoch: 1, network: biases)))
            try guarded.coordinator.line(containing: "worker lost", "cause=malformed")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
        }
    }
}
