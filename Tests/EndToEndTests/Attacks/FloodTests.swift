// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// Peers that only want to do harm, while a job runs: it ends with the same bits, and memory
    /// and descriptors stay within the bounds each test states.
    @Suite(.serialized) struct Floods {
        @Test(.staysFlat(descriptors: 320)) func portScan() throws {
            let guarded = try GuardedCluster()
            let probes: [[UInt8]] = [
                [], Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), Array("SSH-2.0-scan\r\n".utf8),
                [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], [UInt8](repeating: 0, count: 64),
                RawPeer.nullGreeting,
            ]
            for turn in 0..<300 {
                try RawPeer(guarded.cluster.endpoint).send(probes[turn % probes.count])
            }
            try guarded.coordinator.line(containing: "handshake failed")
            // More than twenty failures a second are counted instead of told.
            try guarded.coordinator.line(containing: "handshakes failed", "more=")
            try guarded.expectUndisturbed(memory: 32)
        }

        @Test(.staysFlat(descriptors: 1_032)) func thousandHalfOpenConnections() throws {
            try DescriptorLimit.raise()
            let guarded = try GuardedCluster()
            let peers = try (0..<1_000).map { turn in
                let peer = try RawPeer(guarded.cluster.endpoint)
                if turn % 2 == 0 { peer.send(Array(RawPeer.curveGreeting.prefix(turn % 64))) }
                return peer
            }
            try ProcessUse.wait(for: "all connections", of: guarded.coordinator) {
                $0.descriptors >= guarded.quiet.descriptors + 1_000
            }
            let crowded = try ProcessUse(guarded.coordinator)
            #expect(crowded.descriptors <= guarded.quiet.descriptors + 1_008)
            // A worker gets in beside them.
            let worker = try guarded.worker("one")
            try guarded.coordinator.line(containing: "worker admitted", "pid=\(worker.identifier)")
            worker.signal(SIGSTOP)
            for peer in peers { #expect(try peer.receiveToEnd().count <= 64) }
            try guarded.coordinator.line(containing: "handshake failed", "noDetail")
            try worker.end()
            try guarded.expectUndisturbed(memory: 64)
        }

        @Test(.staysFlat(descriptors: 128)) func moreConnectionsThanDescriptors() throws {
            let guarded = try GuardedCluster()
            let limit = guarded.quiet.descriptors + 100
            let prlimit = try Process.run(
                URL(fileURLWithPath: "/usr/bin/prlimit"),
                arguments: [
                    "--pid", "\(guarded.coordinator.identifier)", "--nofile=\(limit):\(limit)",
                ])
            prlimit.waitUntilExit()
            try #require(prlimit.terminationStatus == 0)
            let peers = try (0..<200).map { _ in try RawPeer(guarded.cluster.endpoint) }
            try guarded.coordinator.line(
                containing:
                    "connections near the limit of descriptors: new workers may not get in")
            // Those beyond the limit wait in the kernel until the first ones are out of time.
            for peer in peers { #expect(try peer.receiveToEnd().count <= 64) }
            try guarded.expectUndisturbed(memory: 32)
        }

        /// A frame header that promises 8 GiB, during the handshake and after one.
        @Test func giganticFrames() throws {
            let header: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 0]
            let guarded = try GuardedCluster()
            for flag in [0x02, 0x03, 0x06] as [UInt8] {
                let peer = try RawPeer(guarded.cluster.endpoint)
                peer.send(RawPeer.curveGreeting + [flag] + header)
                #expect(try peer.receiveToEnd().count <= 64)
            }
            try guarded.coordinator.line(containing: "connection closed")
            try guarded.expectUndisturbed(memory: 16)

            let open = try OpenCluster()
            for flag in [0x02, 0x03, 0x06] as [UInt8] {
                let peer = try RawPeer(open.cluster.endpoint)
                try peer.shakeHands()
                peer.send([flag] + header)
                #expect(try peer.receiveToEnd().isEmpty)
                try open.cluster.coordinator.line(containing: "connection closed")
            }
            try open.expectUndisturbed(memory: 16)
        }

        /// A message without end by a peer that never greeted: 1 MiB, then its connection ends.
        @Test(.staysFlat(mebibytes: 512), arguments: [1, 65_536])
        func endlessMessageOfAStranger(frame: Int) throws {
            let open = try OpenCluster()
            let peer = try RawPeer(open.cluster.endpoint)
            let part: [UInt8] =
                frame < 256
                ? [0x01, UInt8(frame)] + [UInt8](repeating: 7, count: frame)
                : [0x03] + withUnsafeBytes(of: UInt64(frame).bigEndian, Array.init)
                    + [UInt8](repeating: 7, count: frame)
            let parts = [[UInt8]](repeating: part, count: 65_536 / part.count + 1).flatMap { $0 }
            try peer.shakeHands()
            var sent = 0
            while peer.send(parts) {
                sent += parts.count
                try #require(sent < 4 << 30, "nobody stops it")
            }
            print("frames of \(frame) bytes: \(sent >> 20) MiB went out")
            try open.cluster.coordinator.line(containing: "connection ended", "endlessMessage")
            try open.expectUndisturbed(memory: 512)
        }

        /// The same by a worker with a key, who may send results of 32 MiB: 98 MiB, then its
        /// connection ends.
        @Test(.staysFlat(mebibytes: 512)) func endlessMessageOfAWorker() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            _ = try peer.takeTask()
            let part = [UInt8](repeating: 7, count: 65_536)
            try peer.send([[UInt8]](repeating: part, count: 4_800))
            try guarded.coordinator.line(containing: "connection ended", "endlessMessage")
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 512)
        }

        /// Greetings and handshakes with damage, with and without security on the coordinator's
        /// side.
        @Test(.staysFlat(descriptors: 320)) func fuzzedHeaders() throws {
            let guarded = try GuardedCluster()
            try fuzz(guarded.cluster.endpoint)
            try guarded.coordinator.line(containing: "handshake failed")
            try guarded.expectUndisturbed(memory: 32)

            let open = try OpenCluster()
            try fuzz(open.cluster.endpoint)
            try open.cluster.coordinator.line(containing: "connection closed")
            try open.expectUndisturbed(memory: 32)
        }

        private func fuzz(_ endpoint: String) throws {
            var generator = SeededGenerator(seed: TestSeed.value)
            for _ in 0..<300 {
                var bytes =
                    (Bool.random(using: &generator) ? RawPeer.nullGreeting : RawPeer.curveGreeting)
                    + RawPeer.ready
                    + (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                        UInt8.random(in: 0...255, using: &generator)
                    }
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[place] = UInt8.random(in: 0...255, using: &generator)
                }
                try RawPeer(endpoint).send(bytes)
            }
        }
    }
}
