// SPDX-License-Identifier: Apache-2.0

import Testing
import ZeroMQ

@testable import Cluster

@Suite struct PeerTableTests {
    private let hello = PeerTable.Item.message(.heartbeat(progress: 1))

    private func table(of count: Int) -> (PeerTable, [WorkerID]) {
        var peers = PeerTable()
        let workers = (0..<count).map { peers.number(of: PeerID(bytes: [UInt8($0)])) }
        return (peers, workers)
    }

    @Test func aConnectionKeepsItsNumber() {
        var (peers, workers) = table(of: 3)
        let same = peers.number(of: PeerID(bytes: [1]))
        #expect(same == workers[1])
        peers.forget(workers[1])
        let other = peers.number(of: PeerID(bytes: [1]))
        #expect(other > workers[2], "numbers do not come back")
    }

    @Test func onlyPeersWithUnsentMessagesWait() {
        var (peers, workers) = table(of: 4)
        #expect(!peers.isAnyWaiting)
        let posted = [workers[3], workers[1]].map { peers.post(hello, to: $0) }
        #expect(posted == [true, true])
        #expect(peers.waiting == [workers[1], workers[3]])
        let outcomes = [
            peers.flush(workers[1]) { _ in .sent }, peers.flush(workers[3]) { _ in .wouldBlock },
        ]
        #expect(outcomes == [.sent, .wouldBlock])
        #expect(peers.waiting == [workers[3]])
        peers.forget(workers[3])
        #expect(!peers.isAnyWaiting)
    }

    @Test func whoDoesNotTakeWhatWaitsIsToldOfOnce() {
        var (peers, workers) = table(of: 2)
        let posted = (0..<PeerTable.outboxLimit + 3).map { _ in peers.post(hello, to: workers[0]) }
        #expect(posted.firstIndex(of: false) == PeerTable.outboxLimit)
        #expect(posted.count { !$0 } == 1)
        let other = peers.post(hello, to: workers[1])
        #expect(other)
    }

    @Test func aPeerThatIsGoneTakesNothing() {
        var (peers, workers) = table(of: 1)
        peers.forget(workers[0])
        let isTaken = peers.post(hello, to: workers[0])
        let outcome = peers.flush(workers[0]) { _ in .sent }
        #expect(isTaken)
        #expect(outcome == .unroutable)
        #expect(!peers.isAnyWaiting)
    }
}
