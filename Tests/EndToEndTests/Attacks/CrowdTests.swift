// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// More strangers than a coordinator has room for, while workers want in.
    @Suite(.serialized) struct Crowds {
        /// Connections that a thread of its own opens in waves; the latest 6,000 stay open on this
        /// side.
        private final class Crowd: Sendable {
            private let opened = Atomic<Int>(0)
            private let failure = Mutex<(any Error)?>(nil)
            private let isOver = DispatchSemaphore(value: 0)

            private static let wave = 1_000
            private static let together = 6_000

            /// Opens `count` connections to a coordinator. Each wave waits until so much of those
            /// before has gone that the coordinator holds at most `descriptors`.
            init(_ count: Int, at cluster: Cluster, descriptors: Int) {
                Thread.detachNewThread { [self] in
                    do {
                        var peers: [RawPeer?] = Array(repeating: nil, count: Self.together)
                        for number in 0..<count {
                            let peer = try RawPeer(cluster.endpoint)
                            // Half of them say nothing, the others begin a handshake and stop.
                            if number % 2 == 0 {
                                peer.send(Array(RawPeer.curveGreeting.prefix(number % 64)))
                            }
                            peers[number % Self.together] = peer
                            opened.add(1, ordering: .relaxed)
                            guard (number + 1) % Self.wave == 0 else { continue }
                            try ProcessUse.wait(for: "strangers to go", of: cluster.coordinator) {
                                $0.descriptors <= descriptors
                            }
                        }
                    } catch {
                        failure.withLock { $0 = error }
                    }
                    isOver.signal()
                }
            }

            func wait(for count: Int) throws {
                let limit = Date(timeIntervalSinceNow: ChildProcess.deadline)
                while opened.load(ordering: .relaxed) < count {
                    if let failure = failure.withLock({ $0 }) { throw failure }
                    guard Date() < limit else {
                        throw RawPeer.Failure(description: "no \(count) connections")
                    }
                    usleep(1_000)
                }
            }

            func waitForItsEnd() throws {
                isOver.wait()
                if let failure = failure.withLock({ $0 }) { throw failure }
            }
        }

        /// Who has a key gets in among them and is given work; a worker finishes the job behind the
        /// last.
        @Test(.staysFlat(descriptors: 2_100)) func tenThousandStrangers() throws {
            try DescriptorLimit.raise()
            let guarded = try GuardedCluster(lease: 60)
            let crowd = Crowd(
                10_000, at: guarded.cluster, descriptors: guarded.quiet.descriptors + 1_040)
            try crowd.wait(for: 3_000)
            // Nobody who would finish the job before the crowd is gone.
            let peer = try guarded.recklessPeer("one", context: Context())
            _ = try peer.takeTask()
            peer.socket.close()
            try crowd.waitForItsEnd()
            try guarded.coordinator.hasLogged("connections ended", "reason=crowded")
            #expect(guarded.coordinator.logText.contains("connection ended"))
            try guarded.expectUndisturbed(memory: 48)
        }
    }
}
