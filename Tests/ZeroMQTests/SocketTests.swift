// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

/// How a failed precondition ends a process; an error thrown on the way there does not look like
/// it.
#if arch(x86_64)
    private let trap = ExitTest.Condition.signal(SIGILL)
#else
    private let trap = ExitTest.Condition.signal(SIGTRAP)
#endif

@Suite struct SocketTests {
    @Test(arguments: Meeting.allCases)
    func messagesArriveWholeAndInOrder(_ meeting: Meeting) throws {
        let pair = try Pair(meeting)
        let limit = pair.worker.profile.maximumPayloadBytes
        let messages: [[[UInt8]]] = [
            [[1, 2, 3]], [[], [4], []], [[5], Array(repeating: 6, count: limit)],
            (0..<32).map { [UInt8($0)] },
        ]
        for message in messages {
            try sendNow(message, on: pair.worker)
            let received = try next(pair.coordinator)
            #expect(received.frames == message)
            #expect(received.peer == pair.peer)
            #expect(received.user == nil)
            try sendNow(message, on: pair.coordinator, to: pair.peer)
            #expect(try next(pair.worker) == IncomingMessage(frames: message))
        }
        #expect(try pair.coordinator.receive() == .wouldBlock)
        #expect(try pair.worker.receive() == .wouldBlock)
    }

    @Test func wildcardPortIsReplaced() throws {
        let pair = try Pair()
        guard case .tcp(let host, let port) = pair.coordinator.endpoint?.address else {
            Issue.record("not tcp")
            return
        }
        #expect(host == "127.0.0.1")
        #expect(port != 0)
    }

    @Test func ipv6Loopback() throws {
        let context = try Context()
        guard
            let coordinator = try? Socket.coordinator(
                context, bind: Endpoint("tcp://[::1]:*"), security: .none)
        else {
            print("skipped: this machine has no IPv6 loopback")
            return
        }
        let worker = try Socket.worker(
            context, connect: #require(coordinator.endpoint), security: .none)
        try sendNow([[7]], on: worker)
        #expect(try next(coordinator).frames == [[7]])
    }

    /// Whatever the C library's generator would give next: libzmq takes the first id from it, and
    /// never seeds it.
    @Test func routingIDsCannotBeForeseen() throws {
        let ids = try (0..<2).map { _ in
            srand(1)
            return try Pair().peer
        }
        #expect(ids[0] != ids[1])
    }

    /// Ids that libzmq gives are known by their place in the sequence.
    @Test(arguments: Meeting.allCases)
    func claimedRoutingIDsAreKnown(_ meeting: Meeting) throws {
        let pair = try Pair(meeting)
        var sequence = try #require(pair.coordinator.routingIDs)
        sequence.noteAccepted()
        #expect(sequence.includes(pair.peer))
        func id(_ distance: UInt32) -> PeerID {
            let number = pair.peer.bytes[1...].reduce(0) { $0 << 8 | UInt32($1) } &+ distance
            return PeerID(bytes: [0] + withUnsafeBytes(of: number.bigEndian, Array.init))
        }
        #expect(![1, 2, 1 << 31, UInt32.max].contains { sequence.includes(id($0)) })
        let others: [[UInt8]] = [
            Array("other".utf8), [0, 1, 2, 3], [1] + pair.peer.bytes[1...],
        ]
        #expect(!others.contains { sequence.includes(PeerID(bytes: $0)) })
        sequence.noteAccepted()
        #expect(sequence.includes(id(1)) && !sequence.includes(id(2)))
    }

    @Test func unknownPeerIsUnroutable() throws {
        let pair = try Pair()
        #expect(try pair.coordinator.send([[1]], to: PeerID(bytes: [9, 9])) == .unroutable)
        #expect(try pair.coordinator.probe(PeerID(bytes: [9, 9])) == .unroutable)
        try sendNow([[2]], on: pair.coordinator, to: pair.peer)
        #expect(try next(pair.worker).frames == [[2]])
    }

    @Test(arguments: Meeting.allCases)
    func probeFindsVanishedPeer(_ meeting: Meeting) throws {
        let pair = try Pair(meeting)
        #expect(try pair.coordinator.probe(pair.peer) == .sent)
        pair.worker.close()
        try event("the disconnection", of: pair.coordinator) { $0.isDisconnected }
        try waitFor("an unroutable probe", on: [.socket(pair.coordinator)]) {
            try pair.coordinator.probe(pair.peer) == .unroutable ? () : nil
        }
        #expect(try pair.coordinator.send([[1]], to: pair.peer) == .unroutable)
    }

    @Test func workerDoesNotSeeProbes() throws {
        let pair = try Pair()
        for _ in 0..<20 { #expect(try pair.coordinator.probe(pair.peer) == .sent) }
        try sendNow([[], []], on: pair.coordinator, to: pair.peer)
        #expect(try next(pair.worker).frames == [[], []])
    }

    @Test func workerWithoutConnectionQueuesNothing() throws {
        let directory = try TemporaryDirectory()
        let context = try Context()
        let worker = try Socket.worker(
            context, connect: Endpoint("ipc://" + directory.file("socket")), security: .none)
        #expect(try worker.send([[1], [2]]) == .wouldBlock)
    }

    @Test func fullQueueBlocksAndLosesNothing() throws {
        var profile = SocketProfile()
        profile.highWaterMark = 4
        let pair = try Pair(coordinatorProfile: profile)
        let body = [UInt8](repeating: 1, count: 256 << 10)
        var sent = 0
        while try pair.coordinator.send([[UInt8(sent)], body], to: pair.peer) == .sent {
            sent += 1
            try #require(sent < 250, "the queue has no bound")
        }
        #expect(try pair.coordinator.probe(pair.peer) == .wouldBlock)
        for index in 0..<sent {
            let frames = try next(pair.worker).frames
            #expect(frames.count == 2)
            #expect(frames.first == [UInt8(index)])
        }
    }

    @Test func closedSocketAnswersGoodbyeFirst() throws {
        let pair = try Pair()
        try sendNow([[3]], on: pair.worker)
        pair.worker.close(goodbye: true)
        #expect(pair.worker.isClosed)
        #expect(try next(pair.coordinator).frames == [[3]])
    }

    /// Connections that die between two parts must not leave torn or shifted messages behind.
    @Test func messagesStayWholeWhileCoordinatorsComeAndGo() throws {
        let directory = try TemporaryDirectory()
        let endpoint = try Endpoint("ipc://" + directory.file("socket"))
        var profile = SocketProfile()
        profile.reconnectInterval = 1
        let context = try Context()
        let worker = try Socket.worker(
            context, connect: endpoint, security: .none, profile: profile)
        let body = [UInt8](repeating: 5, count: 20_000)
        for _ in 0..<10 {
            // A context of its own, whose end frees the address.
            let coordinator = try Socket.coordinator(
                Context(), bind: endpoint, security: .none)
            var received = 0
            try waitFor("50 messages", on: [.socket(worker, .writable), .socket(coordinator)]) {
                () -> Void? in
                _ = try worker.send([[0], body, body, [3]])
                guard case .message(let message) = try coordinator.receive() else { return nil }
                #expect(message.frames == [[0], body, body, [3]])
                received += 1
                return received == 50 ? () : nil
            }
        }
    }

    @Test func twoThreadsCannotShareASocket() async {
        await #expect(processExitsWith: trap) {
            nonisolated(unsafe) let socket = try Socket.coordinator(
                Context(), bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
            try DedicatedThread(name: "thief") { _ = try? socket.receive() }.join()
        }
    }

    @Test func closedSocketCannotBeUsed() async {
        await #expect(processExitsWith: trap) {
            let socket = try Socket.coordinator(
                Context(), bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
            socket.close()
            _ = try socket.receive()
        }
    }

    @Test func contextOutlivesItsLastReferenceUntilSocketsClose() throws {
        var context: Context? = try Context()
        weak let watched = context
        let coordinator = try Socket.coordinator(
            #require(context), bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
        context = nil
        #expect(watched != nil)
        #expect(try coordinator.receive() == .wouldBlock)
    }
}
