// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Cluster

@Suite struct MessageCodecTests {
    @Test func everyMessageSurvivesTheWire() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<300 {
            let message = MessageSample.random(&generator)
            let frames = MessageCodec.encode(message)
            #expect(frames.count <= MessageCodec.frameLimit)
            #expect(frames.dropFirst().allSatisfy { !$0.isEmpty && $0.count <= BlobChunk.limit })
            #expect(try MessageCodec.decode(frames) == message)
            #expect(MessageCodec.encode(message) == frames)
        }
    }

    @Test(arguments: MessageSample.golden.keys.sorted())
    func bytesArePinned(name: String) throws {
        let message = try #require(MessageSample.golden[name])
        let frames = MessageCodec.encode(message)
        let header = try #require(WireGolden.bytes(name))
        #expect(frames[0] == header + Digest.sha256(of: header).bytes.prefix(8))
        let payload: [UInt8] =
            switch message {
            case .chunk(let chunk): chunk.bytes
            case .task(let task): task.biases
            case .result(let result): result.payload
            default: []
            }
        #expect(Array(frames.dropFirst()) == (payload.isEmpty ? [] : [payload]))
        #expect(try MessageCodec.decode(frames) == message)
    }

    /// What decoders refuse is never sent.
    @Test func textsAreCutBeforeTheyAreSent() throws {
        let long = String(repeating: "漢", count: 1_000)
        let id = Scenario.id(0, 0)
        let messages: [Cluster.Message] = [
            .refusal(reason: long), .failure(id, reason: long),
            .goodbye(reason: long, isFinished: false),
        ]
        let short = String(repeating: "漢", count: 340) + "…"
        for message in messages {
            switch try MessageCodec.decode(MessageCodec.encode(message)) {
            case .refusal(let reason), .failure(_, let reason), .goodbye(let reason, _):
                #expect(reason == short)
            default: Issue.record("another message")
            }
        }
        let hello = Hello(
            golden: Scenario.golden, host: long, process: 1, threads: 1, isa: long, build: long)
        guard case .hello(let sent) = try MessageCodec.decode(MessageCodec.encode(.hello(hello)))
        else {
            Issue.record("another message")
            return
        }
        for text in [sent.host, sent.isa, sent.build] {
            #expect(text == String(repeating: "漢", count: 84) + "…")
        }
    }

    @Test func aTaskOfManyImagesFitsTheHeader() throws {
        var task = Scenario.task(0, 0)
        task.images = (0..<4_096).map { Scenario.taskImage($0, hasTarget: true) }
        let frames = MessageCodec.encode(.task(task))
        #expect(frames[0].count <= MessageCodec.headerLimit)
        #expect(try MessageCodec.decode(frames) == .task(task))
    }
}

/// Frames that are refused, each with its error.
@Suite struct MessageRefusalTests {
    private func expect(
        _ frames: [[UInt8]], _ code: WireError.Code,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: WireError(code), sourceLocation: sourceLocation) {
            try MessageCodec.decode(frames)
        }
    }

    /// A valid message with its header changed.
    private func changed(
        _ name: String, _ change: (inout Wire_Header) -> Void
    ) throws -> [[UInt8]] {
        var frames = MessageCodec.encode(try #require(MessageSample.golden[name]))
        var header = try Wire_Header(serializedBytes: frames[0].dropLast(8))
        change(&header)
        frames[0] = MessageCodec.sealed(try header.serializedBytes())
        return frames
    }

    @Test func nothing() throws {
        expect([], .noFrames)
        // An empty header has version 0.
        expect([MessageCodec.sealed([])], .unsupportedVersion(0))
        expect(try changed("refusal") { $0.body = nil }, .emptyBody)
    }

    @Test func garbage() {
        expect([[0xFF, 0xFF, 0xFF]], .headerChecksum)
        expect([MessageCodec.sealed([0xFF, 0xFF, 0xFF])], .undecodableHeader)
        expect([[UInt8](repeating: 0, count: 512 * 1024 + 1)], .headerTooLarge(bytes: 524_289))
    }

    @Test(arguments: MessageSample.golden.keys.sorted())
    func everyFlippedBitOfAHeaderIsNoticed(name: String) throws {
        let frames = MessageCodec.encode(try #require(MessageSample.golden[name]))
        for bit in 0..<frames[0].count * 8 {
            var damaged = frames
            damaged[0][bit / 8] ^= 1 << (bit % 8)
            expect(damaged, .headerChecksum)
        }
    }

    @Test func versions() throws {
        for version in [0, 3, 5, UInt32.max] as [UInt32] {
            expect(try changed("heartbeat") { $0.version = version }, .unsupportedVersion(version))
            // What tells two releases that they do not fit is read all the same.
            for name in ["hello", "refusal"] {
                let frames = try changed(name) { $0.version = version }
                #expect(try MessageCodec.decode(frames) == MessageSample.golden[name])
            }
        }
    }

    @Test func payloadSizes() throws {
        let frames = MessageCodec.encode(try #require(MessageSample.golden["result"]))
        expect(frames.dropLast(), .frameSizes(expected: 2, found: 0))
        expect(frames + [[1]], .frameSizes(expected: 2, found: 3))
        expect(frames + [[]], .frameSizes(expected: 2, found: 2))
        expect([frames[0], [9], [8]], .frameSizes(expected: 2, found: 2))
        expect([frames[0], [9]], .frameSizes(expected: 2, found: 1))
        let heartbeat = MessageCodec.encode(.heartbeat(progress: 1))
        expect(heartbeat + [[1]], .frameSizes(expected: 0, found: 1))
    }

    @Test func promisedPayloadsAreNotAllocated() throws {
        for size in [(32 << 20) + 1, UInt64.max] as [UInt64] {
            expect(
                try changed("result") { $0.payloadBytes = size }, .payloadTooLarge(bytes: size))
        }
        expect(
            try changed("result") { $0.payloadBytes = 32 << 20 },
            .frameSizes(expected: 32 << 20, found: 2))
    }

    @Test func damagedPayloads() throws {
        var frames = MessageCodec.encode(try #require(MessageSample.golden["result"]))
        frames[1][0] ^= 1
        expect(frames, .payloadDigest)
        expect(try changed("task") { $0.payloadDigest = Data() }, .payloadDigest)
        // A chunk's bytes are checked with its blob.
        frames = MessageCodec.encode(try #require(MessageSample.golden["chunk"]))
        frames[1][0] ^= 1
        #expect(throws: Never.self) { try MessageCodec.decode(frames) }
    }

    @Test func longTexts() throws {
        func text(_ bytes: Int) -> String { String(repeating: "a", count: bytes) }
        let names: [(String, (inout Wire_Header, String) -> Void)] = [
            ("host", { $0.hello.host = $1 }), ("isa", { $0.hello.isa = $1 }),
            ("build", { $0.hello.build = $1 }),
        ]
        for (field, set) in names {
            _ = try MessageCodec.decode(try changed("hello") { set(&$0, text(255)) })
            expect(try changed("hello") { set(&$0, text(256)) }, .field(field))
        }
        let reasons: [(String, (inout Wire_Header, String) -> Void)] = [
            ("refusal", { $0.refusal.reason = $1 }), ("failure", { $0.failure.reason = $1 }),
            ("goodbye", { $0.goodbye.reason = $1 }),
        ]
        for (name, set) in reasons {
            _ = try MessageCodec.decode(try changed(name) { set(&$0, text(1_024)) })
            expect(try changed(name) { set(&$0, text(1_025)) }, .field("reason"))
        }
    }

    @Test func missingFields() throws {
        expect(try changed("welcome") { $0.welcome.jobDigest = Data() }, .field("digest"))
        expect(try changed("hello") { $0.hello.goldenDigest.removeLast() }, .field("digest"))
        expect(try changed("hello") { $0.hello.newestVersion = 0 }, .field("version"))
        expect(try changed("fetch") { $0.fetch.digest = Data() }, .field("digest"))
        expect(try changed("chunk") { $0.chunk.digest = Data() }, .field("digest"))
        expect(try changed("task") { $0.task.networkDigest = Data() }, .field("digest"))
        expect(try changed("task") { $0.task.quantizedDigest = Data([1]) }, .field("digest"))
        expect(try changed("task") { $0.task.rescalingDigest = Data([1]) }, .field("digest"))
        expect(try changed("task") { $0.task.images[1].digest = Data() }, .field("digest"))
        expect(try changed("task") { $0.task.images[0].targetDigest = Data([1]) }, .field("digest"))
        expect(try changed("task") { $0.task.kind = .unknown }, .field("kind"))
        expect(try changed("task") { $0.task.kind = .UNRECOGNIZED(77) }, .field("kind"))
        expect(try changed("task") { $0.task.kind = .gradient }, .field("loss"))
        expect(
            try changed("task") {
                $0.task.kind = .loss
                $0.task.loss.kind = .kl
                $0.task.loss.temperature = .nan
            }, .field("temperature"))
        expect(try changed("result") { $0.result.biasDigest = Data() }, .field("digest"))
        expect(try changed("failure") { $0.failure.jobDigest = Data() }, .field("digest"))
    }

    @Test func numbersOutOfRange() throws {
        for number in [(1 << 48) + 1, UInt64.max] as [UInt64] {
            expect(try changed("fetch") { $0.fetch.offset = number }, .field("number"))
            expect(try changed("chunk") { $0.chunk.total = number }, .field("number"))
            expect(try changed("task") { $0.task.images[0].position = number }, .field("number"))
            expect(try changed("result") { $0.result.round = number }, .field("number"))
            expect(try changed("failure") { $0.failure.round = number }, .field("number"))
        }
    }
}
