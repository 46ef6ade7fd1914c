// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing
import ZeroMQ

@testable import Cluster

@Suite struct FrontDeskTests {
    private func listener(
        _ meeting: Meeting, upkeep: @escaping @Sendable () throws -> Void = {}
    ) throws -> CoordinatorListener {
        try CoordinatorListener(
            CoordinatorAddress(endpoint: meeting.endpoint, security: .none),
            logger: Meeting.logger, upkeep: upkeep)
    }

    private func next(_ what: String, on socket: Socket) throws -> Message {
        var message: Message?
        try Meeting.wait(for: what, [socket]) {
            guard case .message(let incoming) = try socket.receive() else { return false }
            message = try MessageCodec.decode(incoming.frames)
            return true
        }
        return try #require(message)
    }

    /// The thread that made the listener does something else meanwhile.
    @Test func answersWhileNobodyElseDoes() throws {
        let meeting = try Meeting()
        let listener = try listener(meeting)
        let context = try Context()
        let workers = try (0..<8).map { try meeting.worker($0, context) }
        for worker in workers {
            #expect(try next("a sign of life", on: worker) == .heartbeat(progress: 0))
        }
        // Of an earlier incarnation: it has to greet.
        try Meeting.send(.heartbeat(progress: 5), on: workers[0])
        let answer = try next("an answer", on: workers[0])
        #expect(answer == .goodbye(reason: "greet first", isFinished: false))
        for worker in workers[4...] { worker.close() }
        let reception = try listener.takeOver()
        reception.isOpen = true
        var (greeted, gone): ([UInt32], Int) = ([], 0)
        try reception.serve(until: "everybody is known") {
            if case .message(_, .hello(let hello), _) = $0 { greeted.append(hello.process) }
            if case .gone = $0 { gone += 1 }
        } isDone: {
            greeted.count >= 4
        }
        // Those who left in the last moment may have been there when they were looked for.
        #expect(Set(greeted).isSuperset(of: 0..<4))
        listener.close()
        // The others have to be there until now.
        withExtendedLifetime(workers) {}
    }

    @Test func upkeepRunsBesideAndItsFailureIsTold() throws {
        struct Tired: Error {}
        let meeting = try Meeting()
        let turns = Atomic<Int>(0)
        let listener = try listener(meeting) {
            if turns.wrappingAdd(1, ordering: .relaxed).newValue == 3 { throw Tired() }
        }
        let context = try Context()
        let worker = try meeting.worker(1, context)
        try Meeting.wait(for: "three turns", [worker]) { turns.load(ordering: .relaxed) >= 3 }
        // Connections are served all the same.
        let other = try meeting.worker(2, context)
        #expect(try next("a sign of life", on: other) == .heartbeat(progress: 0))
        #expect(throws: Tired.self) { try listener.takeOver() }
        #expect(turns.load(ordering: .relaxed) == 3)
        listener.close()
    }
}
