// SPDX-License-Identifier: Apache-2.0

import Logging
import Storage
import TestSupport
import Testing
import ZeroMQ

@testable import Cluster

@Suite struct ReceptionTests {
    private func reception(_ meeting: Meeting) throws -> Reception {
        try Reception(
            Socket.coordinator(
                Context(), bind: meeting.endpoint, security: .none, profile: .cluster),
            logger: Meeting.logger)
    }

    /// Takes what has come, and says whether a sign of life was among it.
    private func hears(_ socket: Socket) throws -> Bool {
        var isHeard = false
        while case .message(let message) = try socket.receive() {
            if case .heartbeat(0) = try MessageCodec.decode(message.frames) { isHeard = true }
        }
        return isHeard
    }

    private func process(_ event: Reception.Event) -> UInt32? {
        if case .message(_, .hello(let hello), _) = event { hello.process } else { nil }
    }

    /// While a job is prepared: everybody hears that somebody is there, and who leaves is
    /// forgotten.
    @Test func onlyWhoIsStillThereIsHandedOn() throws {
        let meeting = try Meeting()
        let reception = try reception(meeting)
        let context = try Context()
        let workers = try (0..<40).map { try meeting.worker($0, context) }
        var (heard, early): (Set<Int>, [UInt32]) = ([], [])
        try reception.serve(until: "all have heard") {
            if let process = process($0) { early.append(process) }
        } isDone: {
            for (number, worker) in workers.enumerated() where try hears(worker) {
                heard.insert(number)
            }
            return heard.count == workers.count
        }
        #expect(early.isEmpty, "handed on before there is a job")
        for number in 0..<40 where number % 4 != 0 { workers[number].close() }
        var gone = 0
        try reception.serve(until: "30 are gone") {
            if case .gone = $0 { gone += 1 }
        } isDone: {
            gone == 30
        }
        reception.isOpen = true
        var greeted: [UInt32] = []
        try reception.serve(until: "all greetings") {
            if let process = process($0) { greeted.append(process) }
        } isDone: {
            greeted.count >= 10
        }
        try reception.attend { if let process = process($0) { greeted.append(process) } }
        #expect(greeted.sorted() == (0..<10).map { UInt32(4 * $0) })
        // Those that are still there have to be so until now.
        withExtendedLifetime(workers) {}
    }

    /// Nobody looked for a while: what has been read of connections that have ended meanwhile is
    /// not handed on.
    @Test func whoWasGoneBeforeAnybodyLookedIsNotHandedOn() throws {
        let meeting = try Meeting()
        let reception = try reception(meeting)
        reception.isOpen = true
        try sendAndLeave(meeting)
        // Behind them: the one thread that reads connections has come past their ends.
        let context = try Context()
        let last = try meeting.worker(99, context)
        var greeted: [UInt32] = []
        try reception.serve(until: "the last greeting") {
            if let process = process($0) { greeted.append(process) }
        } isDone: {
            greeted.contains(99)
        }
        #expect(greeted == [99])
        last.close()
    }

    /// Returns when what 40 workers said has left, and their connections are closed.
    private func sendAndLeave(_ meeting: Meeting) throws {
        let context = try Context()
        let workers = try (0..<40).map { try meeting.worker($0, context) }
        for worker in workers { worker.close(goodbye: true) }
    }

    /// Connections that ask for all their windows take and read nothing.
    @Test func bytesOnTheWayAreBounded() throws {
        let endpoint = try Endpoint("tcp://127.0.0.1:*")
        let socket = try Socket.coordinator(
            Context(), bind: endpoint, security: .none, profile: .cluster)
        let reception = Reception(socket, logger: Meeting.logger)
        reception.isOpen = true
        reception.patience = .milliseconds(500)
        let digest = Digest.sha256(of: "blob")
        let bytes = [UInt8](repeating: 7, count: BlobChunk.limit)
        reception.chunk = {
            BlobChunk(digest: digest, offset: $0.offset, total: 1 << 30, bytes: bytes)
        }
        let readers = try (0..<16).map { try DeafPeer(try #require(socket.endpoint), number: $0) }
        var workers: [WorkerID] = []
        var (told, gone): (Set<WorkerID>, Set<WorkerID>) = ([], [])
        func take(_ event: Reception.Event) {
            switch event {
            case .message(let worker, .hello, _): workers.append(worker)
            case .malformed(let worker, _): told.insert(worker)
            case .gone(let worker): gone.insert(worker)
            case .message, .revoked: break
            }
        }
        try reception.serve(until: "all have greeted", take) { workers.count == 16 }
        // As much as may wait for one connection.
        for worker in workers {
            for part in 0..<60 {
                let range = BlobRange(
                    digest: digest, offset: part * BlobChunk.limit, length: BlobChunk.limit)
                reception.post(.chunk(range), to: worker)
            }
        }
        var most = 0
        try reception.serve(until: "all connections are ended", take) {
            most = max(most, reception.bytesOnTheWay)
            return gone.count == 16
        }
        print("at most \(most >> 20) MiB on their way to 16 connections that ask for 240")
        #expect(most > 16 << 20)
        #expect(most <= 48 << 20 + 1 << 20)
        #expect(reception.bytesOnTheWay == 0)
        #expect(told == gone)
        withExtendedLifetime(readers) {}
    }

    /// Beyond so many connections of one key the newest is ended. Whoever is there stays.
    @Test func connectionsOfOneKeyAreBounded() throws {
        let meeting = try Meeting()
        let keys = meeting.folder + "/keys"
        try KeySet.create(in: keys)
        let reception = try Reception(
            Socket.coordinator(
                Context(), bind: meeting.endpoint,
                security: .curve(
                    KeyFile.readSecret(keys + "/coordinator.key"),
                    allowList: AllowList(path: keys + "/allowed")),
                profile: .cluster),
            logger: Meeting.logger, connectionsOfOneKey: 2)
        reception.isOpen = true
        let security = ClientSecurity.curve(
            try KeyFile.readSecret(keys + "/worker.key"),
            serverKey: try KeyFile.readPublic(keys + "/coordinator.pub"))
        let context = try Context()
        var (peers, greeted): ([Socket], [Credentials]) = ([], [])
        for number in 0..<3 {
            peers.append(try meeting.worker(number, context, security: security))
            guard number < 2 else { break }
            try reception.serve(until: "a greeting") {
                if case .message(_, .hello, let credentials) = $0 { greeted.append(credentials) }
            } isDone: {
                greeted.count > number
            }
        }
        #expect(greeted.map(\.name) == ["worker", "worker"])
        #expect(greeted[0].key == greeted[1].key && greeted[0].address == nil)
        var isEnded = false
        try reception.serve(until: "the third is ended") {
            if case .message(_, .hello, let credentials) = $0 { greeted.append(credentials) }
        } isDone: {
            while let event = try peers[2].monitor?.receive() {
                if case .disconnected = event.kind { isEnded = true }
            }
            return isEnded
        }
        #expect(greeted.count == 2)
    }

    /// A peer that asks for more than may wait for it has to start over.
    @Test func whoAsksForMoreThanAWorkerMayIsEnded() throws {
        let meeting = try Meeting()
        let reception = try reception(meeting)
        reception.isOpen = true
        let digest = Digest.sha256(of: "blob")
        reception.chunk = {
            BlobChunk(digest: digest, offset: $0.offset, total: 1 << 30, bytes: [1])
        }
        let context = try Context()
        let peer = try meeting.worker(1, context)
        var (worker, isMalformed, isGone): (WorkerID?, Bool, Bool) = (nil, false, false)
        func take(_ event: Reception.Event) throws {
            switch event {
            case .message(let number, .hello, _):
                worker = number
                for part in 0..<65 {
                    let range = BlobRange(digest: digest, offset: part, length: 1)
                    reception.post(.chunk(range), to: number)
                }
            case .malformed(let number, let error):
                isMalformed = number == worker && error == WireError(.field("credit"))
            case .gone(let number):
                isGone = number == worker
            case .message, .revoked: break
            }
        }
        try reception.serve(until: "it is told and ended", take) { isMalformed && isGone }
        peer.close()
    }
}
