// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

@Suite struct ConnectionGuardTests {
    /// Two ends of a TCP connection on loopback.
    private final class Link {
        let near: Int32
        let far: Int32

        init() throws {
            let listener = socket(AF_INET, SOCK_STREAM.rawInt, 0)
            defer { close(listener) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let opened = socket(AF_INET, SOCK_STREAM.rawInt, 0)
            let status = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    bind(listener, address, size) | listen(listener, 1)
                        | getsockname(listener, address, &size) | connect(opened, address, size)
                }
            }
            try #require(status == 0)
            far = opened
            near = accept(listener, nil, nil)
            try #require(near >= 0)
        }

        deinit {
            close(near)
            close(far)
        }

        /// Sends to the near end and waits until it is there.
        func deliver(_ count: Int) throws {
            let bytes = [UInt8](repeating: 1, count: count)
            try #require(send(far, bytes, count, MSG_NOSIGNAL.rawInt) == count)
            var buffer = bytes
            try #require(recv(near, &buffer, count, MSG_WAITALL.rawInt) == count)
        }

        /// Whether the near end still takes data from the far one.
        var isOpen: Bool {
            var byte: UInt8 = 0
            return recv(near, &byte, 1, MSG_PEEK.rawInt | MSG_DONTWAIT.rawInt) < 0
        }
    }

    private func seconds(_ count: Int) -> Duration { .seconds(count) }

    @Test func silentConnectionEnds() throws {
        let (silent, speaking) = (try Link(), try Link())
        var guardian = ConnectionGuard(bytes: 1_000)
        guardian.accepted(silent.near, at: seconds(0))
        guardian.accepted(speaking.near, at: seconds(0))
        guardian.heard(speaking.near, at: seconds(1))
        #expect(guardian.sweep(at: seconds(30)).isEmpty)
        let ended = guardian.sweep(at: seconds(31))
        #expect(ended.map(\.reason) == [.silent])
        #expect(ended.map(\.descriptor) == [silent.near])
        #expect(ended.first?.address.hasPrefix("127.0.0.1 port ") == true)
        #expect(!silent.isOpen && speaking.isOpen)
        #expect(guardian.sweep(at: seconds(60)).isEmpty)
    }

    @Test func bytesWithoutAMessageAreBounded() throws {
        let (stranger, worker) = (try Link(), try Link())
        var guardian = ConnectionGuard(bytes: 1_000, strangersBytes: 100)
        for link in [stranger, worker] {
            guardian.accepted(link.near, at: seconds(0))
            guardian.heard(link.near, at: seconds(0))
        }
        guardian.trust(worker.near)
        #expect(guardian.sweep(at: seconds(1)).isEmpty)
        try stranger.deliver(101)
        try worker.deliver(1_000)
        #expect(guardian.sweep(at: seconds(2)).map(\.reason) == [.endlessMessage(bytes: 101)])
        // A whole message settles what came before it.
        guardian.heard(worker.near, at: seconds(3))
        try worker.deliver(500)
        #expect(guardian.sweep(at: seconds(3)).isEmpty)
        try worker.deliver(1_001)
        #expect(guardian.sweep(at: seconds(4)).map(\.reason) == [.endlessMessage(bytes: 1_001)])
        #expect(!worker.isOpen)
    }

    @Test func dismissedConnectionEndsAfterItsGrace() throws {
        let link = try Link()
        var guardian = ConnectionGuard(bytes: 1_000)
        guardian.heard(link.near, at: seconds(0))
        guardian.hangUp(link.near, at: seconds(2))
        #expect(guardian.sweep(at: seconds(1)).isEmpty)
        #expect(guardian.sweep(at: seconds(2)).map(\.reason) == [.dismissed])
        #expect(!link.isOpen)
    }

    @Test func descriptorGivenOutAgainIsLeftAlone() throws {
        let (first, second) = (try Link(), try Link())
        var guardian = ConnectionGuard(bytes: 1_000)
        guardian.accepted(first.near, at: seconds(0))
        guardian.hangUp(first.near, at: seconds(1))
        // Another socket under the same number.
        try #require(dup2(second.near, first.near) == first.near)
        #expect(guardian.sweep(at: seconds(9)).isEmpty)
        #expect(second.isOpen)
        #expect(guardian.count == 0)
        // A late word of the monitor does not make a stranger of one who has spoken.
        guardian.heard(second.near, at: seconds(10))
        guardian.accepted(second.near, at: seconds(10))
        #expect(guardian.sweep(at: seconds(99)).isEmpty)
    }

    @Test func crowdsGiveWayTheOldestFirst() throws {
        let links = try (0..<6).map { _ in try Link() }
        var guardian = ConnectionGuard(bytes: 1_000)
        for (second, link) in links.enumerated() {
            guardian.accepted(link.near, at: seconds(second))
        }
        #expect(guardian.makeRoom(unspoken: 6, total: 6).isEmpty)
        // Who has spoken is no stranger any more.
        guardian.heard(links[0].near, at: seconds(6))
        let crowded = guardian.makeRoom(unspoken: 3, total: 100)
        #expect(crowded.map(\.descriptor) == [1, 2].map { links[$0].near })
        #expect(crowded.map(\.reason) == [.crowded, .crowded])
        let full = guardian.makeRoom(unspoken: 100, total: 3)
        #expect(full.map(\.descriptor) == [links[3].near])
        #expect(links.map(\.isOpen) == [true, false, false, false, true, true])
        for link in links[4...] { guardian.heard(link.near, at: seconds(7)) }
        #expect(guardian.makeRoom(unspoken: 0, total: 0).isEmpty)
        #expect(guardian.count == 3)
    }

    @Test func closedConnectionsAreForgotten() throws {
        let (silent, speaking) = (try Link(), try Link())
        var guardian = ConnectionGuard(bytes: 1_000)
        for link in [silent, speaking] { guardian.accepted(link.near, at: seconds(0)) }
        guardian.heard(speaking.near, at: seconds(0))
        // Others take their numbers, as after the kernel has given them out again.
        let (first, second) = (try Link(), try Link())
        try #require(dup2(first.near, silent.near) == silent.near)
        try #require(dup2(second.near, speaking.near) == speaking.near)
        let hadSpoken = [silent.near, speaking.near].map { guardian.closed($0) }
        #expect(hadSpoken == [false, true])
        #expect(guardian.count == 0)
        // Who is to go is no stranger, even if nothing was known of it.
        guardian.hangUp(speaking.near, at: seconds(9))
        let wasKnown = guardian.closed(speaking.near)
        #expect(wasKnown && guardian.makeRoom(unspoken: 0, total: 0).isEmpty)
        _ = guardian.sweep(at: seconds(9))
        // The number's next connection is another.
        guardian.accepted(silent.near, at: seconds(1))
        let isKept = guardian.closed(silent.near)
        #expect(!isKept && guardian.count == 1)
    }

    /// Each look costs a system call, so that thousands are not all looked at in every sweep.
    @Test func sweepsGoInSlices() throws {
        let links = try (0..<5).map { _ in try Link() }
        var guardian = ConnectionGuard(bytes: 1_000, slice: 2)
        for link in links { guardian.accepted(link.near, at: seconds(0)) }
        let ended = (0..<3).map { _ in guardian.sweep(at: seconds(31)).count }
        #expect(ended == [2, 2, 1])
        #expect(!links.contains { $0.isOpen })
    }

    @Test func theKernelCountsWhatIsConfirmed() throws {
        let link = try Link()
        try link.deliver(300)
        let near = try #require(ConnectionGuard.traffic(link.near))
        let far = try #require(ConnectionGuard.traffic(link.far))
        #expect(near.received == 300)
        // One more than its bytes: the connection's first.
        #expect((300...301).contains(far.acknowledged))
        #expect(ConnectionGuard.traffic(0) == nil)
    }

    @Test func messagesNameTheirConnection() throws {
        let pair = try Pair()
        let accepted = try event("the connection", of: pair.coordinator) { $0.isAccepted }
        try sendNow([[5]], on: pair.worker)
        let descriptor = try next(pair.coordinator).descriptor
        #expect(accepted.kind == descriptor.map { .accepted(descriptor: $0) })
    }
}
