// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// What peers without an admitted key learn: that somebody speaks ZMTP with CURVE, and nothing
    /// of the job.
    @Suite(.serialized) struct Disclosure {
        /// Signature, version 3.1, mechanism CURVE, filler.
        private static let greeting: [UInt8] =
            [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1] + Array("CURVE".utf8)
            + [UInt8](repeating: 0, count: 47)

        @Test func withoutSecurityOrAnyProtocol() throws {
            let guarded = try GuardedCluster()
            let openings: [(name: String, bytes: [UInt8], heard: Int)] = [
                ("nothing", [], 10), ("half a greeting", Array(RawPeer.nullGreeting.prefix(5)), 10),
                ("the NULL mechanism", RawPeer.nullGreeting + RawPeer.ready, 64),
                ("HTTP", Array("GET / HTTP/1.0\r\n\r\n".utf8), 10),
                // An empty identity and a message, in the versions before mechanisms.
                ("ZMTP 1.0", [1, 0, 3, 0, 1, 2], 10),
                (
                    "ZMTP 2.0",
                    [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1, 5, 0, 0, 0, 2, 1, 2], 64
                ),
            ]
            for opening in openings {
                let peer = try RawPeer(guarded.cluster.endpoint)
                peer.send(opening.bytes)
                let heard = try peer.receiveToEnd()
                #expect(heard.count <= opening.heard, "\(opening.name): \(heard)")
                #expect(
                    heard.elementsEqual(Self.greeting.prefix(heard.count)),
                    "\(opening.name): \(heard)")
            }
            try guarded.coordinator.line(containing: "handshake failed", "mechanismMismatch")
            try guarded.expectUndisturbed(memory: 32)
        }

        @Test func withAKeyThatIsNotOnTheList() throws {
            let guarded = try GuardedCluster()
            let proxy = try RecordingProxy(to: guarded.cluster.endpoint)
            let stranger = try ChildProcess([
                "worker", "--connect", proxy.endpoint, "--verbose", "--key",
                guarded.scratch("keys-stranger/worker.key"), "--server-key",
                guarded.scratch("keys-coordinator/coordinator.pub"),
            ])
            let heard = try proxy.recording()
            #expect(heard.prefix(64).elementsEqual(Self.greeting))
            // A command is a flag, a length and a name with its own length.
            var rest = heard.dropFirst(64)
            var commands: [(name: String, body: [UInt8])] = []
            while rest.count >= 3 {
                #expect(rest.first == 4, "only short commands, no messages")
                let body = Array(rest.dropFirst(2).prefix(Int(rest[rest.startIndex + 1])))
                let name = body.dropFirst().prefix(Int(body.first ?? 0))
                commands.append((String(decoding: name, as: UTF8.self), body))
                rest = rest.dropFirst(2 + body.count)
            }
            #expect(commands.map(\.name) == ["WELCOME", "ERROR"])
            // A fresh key and a cookie, encrypted for whoever knows the coordinator's key.
            #expect(commands.first?.body.count == 168)
            #expect(commands.last?.body == [5] + Array("ERROR".utf8) + [3] + Array("400".utf8))
            try guarded.coordinator.line(containing: "key refused")
            try stranger.end()
            try guarded.expectUndisturbed(memory: 32)
        }
    }
}
