// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import Cluster
@testable import ZeroMQ

@Suite struct SendLedgerTests {
    /// What the kernels at the other ends confirm.
    private final class Kernels: Sendable {
        private let counts = Mutex<[Int32: UInt64]>([:])

        subscript(descriptor: Int32) -> UInt64 {
            get { counts.withLock { $0[descriptor, default: 0] } }
            set { counts.withLock { $0[descriptor] = newValue } }
        }
    }

    private func ledger(_ kernels: Kernels, _ limits: SendLedger.Limits) -> SendLedger {
        SendLedger(limits: limits) { $0 < 0 ? nil : kernels[$0] }
    }

    private func peer(_ number: Int) -> PeerID { PeerID(bytes: [UInt8(number)]) }

    private func key(_ number: UInt8) throws -> PublicKey {
        try #require(PublicKey(bytes: [UInt8](repeating: number, count: 32)))
    }

    private let small = SendLedger.Limits(connection: 100, key: 300, total: 500, reserve: 0.5)

    @Test func aConnectionTakesWhatIsNotOnItsWay() {
        let kernels = Kernels()
        kernels[1] = 1_000
        var ledger = ledger(kernels, small)
        let isNew = [0, 1].map { _ in ledger.note(peer(1), key: nil, descriptor: 1, at: .zero) }
        #expect(isNew == [true, false])
        ledger.handOver(80, to: peer(1), at: .zero)
        let before = ledger.allows(30, to: peer(1), isLarge: true, at: .zero)
        let heartbeat = ledger.allows(0, to: peer(1), isLarge: false, at: .zero)
        kernels[1] = 1_060
        let after = ledger.allows(30, to: peer(1), isLarge: true, at: .zero)
        #expect([before, heartbeat, after] == [false, true, true])
        #expect(ledger.onTheWay == 20)
        // The kernel counts more than was handed over: frames have heads.
        kernels[1] = 1_090
        _ = ledger.allows(101, to: peer(1), isLarge: true, at: .zero)
        #expect(ledger.onTheWay == 0)
        ledger.handOver(5, to: peer(1), at: .zero)
        #expect(ledger.onTheWay == 5)
    }

    /// Larger than any bound, but there has to be a way for it.
    @Test func whatIsLargerThanTheWindowGoesAlone() {
        var ledger = ledger(Kernels(), small)
        _ = ledger.note(peer(1), key: nil, descriptor: 1, at: .zero)
        let first = ledger.allows(250, to: peer(1), isLarge: true, at: .zero)
        ledger.handOver(250, to: peer(1), at: .zero)
        let second = ledger.allows(1, to: peer(1), isLarge: true, at: .zero)
        let heartbeat = ledger.allows(0, to: peer(1), isLarge: false, at: .zero)
        #expect([first, second, heartbeat] == [true, false, false])
    }

    @Test func oneKeyLeavesRoomForOthers() throws {
        var ledger = ledger(Kernels(), small)
        let (greedy, modest) = (try key(1), try key(2))
        for number in 0..<6 {
            _ = ledger.note(peer(number), key: greedy, descriptor: 1, at: .zero)
        }
        _ = ledger.note(peer(9), key: modest, descriptor: 2, at: .zero)
        var taken = 0
        while let next = (0..<6).first(where: {
            ledger.allows(50, to: peer($0), isLarge: true, at: .zero)
        }) {
            ledger.handOver(50, to: peer(next), at: .zero)
            taken += 50
        }
        // 300 for all, and 150 for connections that had nothing.
        #expect(taken > 300 && taken <= 450)
        let other = ledger.allows(50, to: peer(9), isLarge: true, at: .zero)
        #expect(other)
        #expect(ledger.count(of: greedy) == 6)
        for number in 0..<6 { ledger.remove(peer(number)) }
        #expect(ledger.onTheWay == 0 && ledger.count(of: greedy) == 0)
        #expect(ledger.peers == [peer(9)])
    }

    @Test func whatIsNotConfirmedForLongIsStalled() {
        let kernels = Kernels()
        var ledger = ledger(kernels, small)
        for number in 0..<3 {
            _ = ledger.note(peer(number), key: nil, descriptor: Int32(number), at: .zero)
        }
        ledger.handOver(50, to: peer(0), at: .seconds(1))
        ledger.handOver(50, to: peer(1), at: .seconds(1))
        kernels[1] = 1
        let early = ledger.stalled(for: .seconds(2), at: .seconds(3))
        let late = ledger.stalled(for: .seconds(2), at: .seconds(4))
        kernels[0] = 50
        let mended = ledger.stalled(for: .seconds(2), at: .seconds(5))
        #expect(early.isEmpty && late.map(\.peer) == [peer(0)] && mended.isEmpty)
        #expect(late.map(\.descriptor) == [0])
    }

    /// Unix domain sockets confirm nothing.
    @Test func whatNobodyCountsIsNotBounded() {
        var ledger = ledger(Kernels(), small)
        _ = ledger.note(peer(1), key: nil, descriptor: -1, at: .zero)
        for _ in 0..<100 { ledger.handOver(100, to: peer(1), at: .zero) }
        let isAllowed = ledger.allows(100, to: peer(1), isLarge: true, at: .zero)
        let stalled = ledger.stalled(for: .zero, at: .seconds(9))
        #expect(isAllowed && stalled.isEmpty && ledger.onTheWay == 0)
    }

    @Test func sumsAreThoseOfTheConnections() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let kernels = Kernels()
        var ledger = ledger(kernels, small)
        let keys = [try key(1), try key(2), nil]
        var model: [Int: (handed: UInt64, confirmed: UInt64)] = [:]
        for step in 0..<20_000 {
            let number = Int.random(in: 0..<8, using: &generator)
            let now = Duration.milliseconds(step)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0:
                ledger.remove(peer(number))
                model[number] = nil
            case 1...3:
                if ledger.note(
                    peer(number), key: keys[number % 3], descriptor: Int32(number), at: now)
                {
                    model[number] = (kernels[Int32(number)], kernels[Int32(number)])
                }
                let count = Int.random(in: 1...60, using: &generator)
                guard ledger.allows(count, to: peer(number), isLarge: true, at: now) else { break }
                ledger.handOver(count, to: peer(number), at: now)
                model[number]?.handed += UInt64(count)
            default:
                guard let flow = model[number] else { break }
                let open = flow.handed - kernels[Int32(number)]
                kernels[Int32(number)] += UInt64.random(in: 0...open, using: &generator)
            }
            if step % 16 == 0 {
                _ = ledger.stalled(for: .seconds(100), at: now)
                let open = model.map { $0.value.handed - kernels[Int32($0.key)] }.reduce(0, +)
                #expect(ledger.onTheWay == Int(open))
            }
            #expect(ledger.onTheWay <= 750)
        }
    }
}
