// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cluster

@Suite struct PeerLinesTests {
    private let one = Credentials(key: "k1", name: "one", address: "192.0.2.1")

    private func spend(_ peer: Credentials, _ count: Int, _ lines: inout PeerLines, at second: Int)
        -> Int
    {
        (0..<count).count { _ in lines.spend(peer, at: .seconds(second)) }
    }

    @Test func aKeyHasSoManyLinesAndThenSoManyASecond() {
        var lines = PeerLines(burst: 10, perSecond: 2)
        let first = spend(one, 100, &lines, at: 0)
        let later = spend(one, 100, &lines, at: 3)
        let rested = spend(one, 100, &lines, at: 1_000)
        #expect(first == 10 && later == 6 && rested == 10)
    }

    @Test func whatIsLeftOutIsCounted() {
        var lines = PeerLines(burst: 1, perSecond: 1)
        _ = spend(one, 8, &lines, at: 0)
        let due = lines.due(at: .seconds(5))
        #expect(due.map(\.count) == [7])
        #expect(due.first?.cause.name == "one")
    }

    /// The key is the same wherever it connects from; without keys the address tells peers apart.
    @Test func aKeyPaysForAllItsAddresses() {
        var lines = PeerLines(burst: 4, perSecond: 1)
        var elsewhere = one
        elsewhere.address = "192.0.2.2"
        let (here, there) = (spend(one, 3, &lines, at: 0), spend(elsewhere, 3, &lines, at: 0))
        let keyless = [1, 2].map { host in
            spend(Credentials(address: "192.0.2.\(host)"), 9, &lines, at: 0)
        }
        #expect([here, there] == [3, 1] && keyless == [4, 4])
    }

    @Test func localWorkersHaveNoAccount() {
        var lines = PeerLines(burst: 1, perSecond: 1)
        #expect(spend(.none, 100, &lines, at: 0) == 100)
    }
}
