// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ZeroMQ

@Suite struct MessageLimitTests {
    /// A peer that keeps none of the rules.
    private static let reckless: SocketProfile = {
        var profile = SocketProfile()
        profile.maximumFrameBytes = 64 << 20
        profile.maximumMessageBytes = 64 << 20
        profile.maximumParts = 10_000
        return profile
    }()

    @Test func oversizedFrameEndsTheConnection() throws {
        let pair = try Pair(workerProfile: Self.reckless)
        try sendNow([[UInt8](repeating: 1, count: (1 << 20) + 1)], on: pair.worker)
        try event("the disconnection", of: pair.coordinator) { $0.isDisconnected }
        #expect(try pair.coordinator.receive() == .wouldBlock)
    }

    @Test func largestFramePasses() throws {
        let pair = try Pair(workerProfile: Self.reckless)
        let frame = [UInt8](repeating: 1, count: 1 << 20)
        try sendNow([frame], on: pair.worker)
        #expect(try next(pair.coordinator).frames == [frame])
    }

    @Test(arguments: [33, 5_000])
    func tooManyPartsAreDrained(_ parts: Int) throws {
        let pair = try Pair(workerProfile: Self.reckless)
        try sendNow(Array(repeating: [1, 2], count: parts), on: pair.worker)
        try sendNow([[3]], on: pair.worker)
        let result = try waitFor("a message", on: [.socket(pair.coordinator)]) {
            let result = try pair.coordinator.receive()
            return result == .wouldBlock ? nil : result
        }
        guard case .oversized(let message, parts, 2 * parts) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(message.peer == pair.peer)
        #expect(message.frames.isEmpty)
        #expect(try next(pair.coordinator).frames == [[3]])
    }

    @Test func tooManyBytesAreDrained() throws {
        var profile = SocketProfile()
        profile.maximumMessageBytes = 1_000
        let pair = try Pair(coordinatorProfile: profile, workerProfile: Self.reckless)
        let half = [UInt8](repeating: 7, count: 500)
        try sendNow([half, half], on: pair.worker)
        #expect(try next(pair.coordinator).frames == [half, half])
        try sendNow([half, half, [1]], on: pair.worker)
        try sendNow([[3]], on: pair.worker)
        let result = try waitFor("a message", on: [.socket(pair.coordinator)]) {
            let result = try pair.coordinator.receive()
            return result == .wouldBlock ? nil : result
        }
        guard case .oversized(_, 3, 1_001) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(try next(pair.coordinator).frames == [[3]])
    }

    @Test func ownOversizedMessagesAreNotSent() throws {
        let pair = try Pair()
        let limit = pair.worker.profile.maximumPayloadBytes
        let frame = #expect(throws: ZeroMQError.self) {
            try pair.worker.send([[UInt8](repeating: 0, count: limit + 1)])
        }
        #expect(frame?.code == .frameTooLarge)
        let parts = #expect(throws: ZeroMQError.self) {
            try pair.worker.send(Array(repeating: [], count: 33))
        }
        #expect(parts?.code == .messageTooLarge)
        let bytes = #expect(throws: ZeroMQError.self) {
            try pair.worker.send(Array(repeating: [UInt8](repeating: 0, count: limit), count: 9))
        }
        #expect(bytes?.code == .messageTooLarge)
        try sendNow([[4]], on: pair.worker)
        #expect(try next(pair.coordinator).frames == [[4]])
    }
}
