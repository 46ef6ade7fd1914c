// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// Peers that choose what the coordinator's library knows them by.
    @Suite(.serialized) struct RoutingIDs {
        /// Where every process without a random start would begin to count.
        private static let customaryStart: UInt32 = 0x6b8b_4567

        /// The library ends the process when it comes to number a connection as another claims to
        /// be numbered.
        @Test func numbersTheLibraryWouldGiveNext() throws {
            let open = try OpenCluster()
            do {
                let peers = try (0..<12).map { turn in
                    let number = Self.customaryStart + UInt32(turn)
                    let peer = try RawPeer(open.cluster.endpoint)
                    try peer.shakeHands(
                        identity: [0] + withUnsafeBytes(of: number.bigEndian, Array.init))
                    return peer
                }
                // Numbered by the library.
                try RawPeer(open.cluster.endpoint).shakeHands()
                withExtendedLifetime(peers) {}
            }
            try open.expectUndisturbed(memory: 16)
        }

        /// No worker chooses one: whoever does and speaks is ended.
        @Test func aNameOfItsOwn() throws {
            let open = try OpenCluster()
            let peer = try RawPeer(open.cluster.endpoint)
            try peer.shakeHands(identity: Array("someone".utf8))
            peer.send([0, 1, 7])
            #expect(try peer.receiveToEnd().isEmpty)
            try open.cluster.coordinator.line(containing: "connection ended", "reason=claimedID")
            try open.expectUndisturbed(memory: 16)
        }
    }
}
