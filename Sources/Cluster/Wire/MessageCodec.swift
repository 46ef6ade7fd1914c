// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Storage
import SwiftProtobuf

/// Messages as frames: a protobuf header with its checksum, then the payload in frames of at most
/// 256 KiB.
///
/// TCP's checksum lets a flipped bit through now and then, and in a header it may name another
/// shard that exists.
package enum MessageCodec {
    /// First bytes of the header's SHA-256, behind it in its frame.
    package static let checksumBytes = 8
    /// A task of 4,096 images stays below it.
    static let headerLimit = 512 * 1024
    /// Largest payload: per-channel sums of a network with a million channels.
    static let payloadLimit: UInt64 = 32 << 20
    /// Most frames of any message.
    package static let frameLimit = 1 + Int(payloadLimit) / BlobChunk.limit
    /// Most bytes of any message.
    package static let byteLimit = headerLimit + Int(payloadLimit)

    /// The frames of a message; texts are cut to their limits. Larger payloads than ``decode(_:)``
    /// takes are not refused here.
    package static func encode(_ message: Message) -> [[UInt8]] {
        var (header, payload) = message.wire()
        header.version = WireVersion.newest
        header.payloadBytes = UInt64(payload.count)
        if let digest = message.payloadDigest(payload) { header.payloadDigest = digest.wire }
        guard let head: [UInt8] = try? header.serializedBytes() else {
            preconditionFailure("headers hold no required fields")
        }
        var frames = [sealed(head)]
        var offset = 0
        while offset < payload.count {
            let end = min(offset + BlobChunk.limit, payload.count)
            frames.append(Array(payload[offset..<end]))
            offset = end
        }
        return frames
    }

    /// - Throws: ``WireError``; nothing is allocated from a size the frames do not back.
    package static func decode(_ frames: [[UInt8]]) throws(WireError) -> Message {
        guard let head = frames.first else { throw WireError(.noFrames) }
        guard head.count <= headerLimit else { throw WireError(.headerTooLarge(bytes: head.count)) }
        let content = Array(head.dropLast(checksumBytes))
        guard head.count >= checksumBytes, sealed(content) == head else {
            throw WireError(.headerChecksum)
        }
        guard let header = try? Wire_Header(serializedBytes: content) else {
            throw WireError(.undecodableHeader)
        }
        guard
            header.isGreeting
                || (WireVersion.oldest...WireVersion.newest).contains(header.version)
        else { throw WireError(.unsupportedVersion(header.version)) }
        let payload = try payload(header, frames: frames.dropFirst())
        try checkDigest(of: payload, header)
        return try Message(header, payload: payload)
    }

    /// A header with its checksum, as the first frame holds it.
    package static func sealed(_ header: [UInt8]) -> [UInt8] {
        header + Digest.sha256(of: header).bytes.prefix(checksumBytes)
    }

    private static func payload(
        _ header: Wire_Header, frames: ArraySlice<[UInt8]>
    ) throws(WireError) -> [UInt8] {
        guard header.payloadBytes <= payloadLimit else {
            throw WireError(.payloadTooLarge(bytes: header.payloadBytes))
        }
        let expected = Int(header.payloadBytes)
        let found = frames.reduce(0) { $0 + $1.count }
        guard found == expected,
            frames.count == (expected + BlobChunk.limit - 1) / BlobChunk.limit
        else { throw WireError(.frameSizes(expected: expected, found: found)) }
        return frames.count == 1 ? frames[frames.startIndex] : Array(frames.joined())
    }

    private static func checkDigest(
        of payload: [UInt8], _ header: Wire_Header
    ) throws(WireError) {
        // The blob's own digest covers all its chunks.
        if case .chunk = header.body { return }
        guard payload.isEmpty || header.payloadDigest == Digest.sha256(of: payload).wire else {
            throw WireError(.payloadDigest)
        }
    }
}

typealias Wire_Header = Counterbias_Wire_Header

extension Wire_Header {
    /// Greetings and refusals read the same in every version, so that two releases can say that
    /// they do not fit.
    fileprivate var isGreeting: Bool {
        switch body {
        case .hello, .refusal: true
        default: false
        }
    }
}

extension Message {
    /// Nil where there is nothing to name: without a payload, and for chunks, which their blob's
    /// digest covers.
    fileprivate func payloadDigest(_ payload: [UInt8]) -> Digest? {
        switch self {
        case _ where payload.isEmpty: nil
        case .chunk: nil
        case .task(let task): task.biasDigest
        default: Digest.sha256(of: payload)
        }
    }

    fileprivate func wire() -> (header: Wire_Header, payload: [UInt8]) {
        var header = Wire_Header()
        var payload: [UInt8] = []
        switch self {
        case .hello(let hello): header.hello = hello.wire()
        case .welcome(let welcome): header.welcome = welcome.wire()
        case .refusal(let reason): header.refusal.reason = reason.wireReason
        case .fetch(let range):
            header.fetch.digest = range.digest.wire
            header.fetch.offset = UInt64(range.offset)
            header.fetch.length = UInt32(range.length)
        case .chunk(let chunk):
            header.chunk.digest = chunk.digest.wire
            header.chunk.offset = UInt64(chunk.offset)
            header.chunk.total = UInt64(chunk.total)
            payload = chunk.bytes
        case .task(let task):
            header.task = task.wire()
            payload = task.biases
        case .result(let result):
            header.result = result.wire()
            payload = result.payload
        case .failure(let id, let reason):
            header.failure.jobDigest = id.job.wire
            header.failure.epoch = id.epoch
            header.failure.round = UInt64(id.round)
            header.failure.shard = UInt32(id.shard)
            header.failure.attempt = UInt32(id.attempt)
            header.failure.reason = reason.wireReason
        case .heartbeat(let progress): header.heartbeat.progress = progress
        case .goodbye(let reason, let isFinished):
            header.goodbye.reason = reason.wireReason
            header.goodbye.isFinished = isFinished
        }
        return (header, payload)
    }

    fileprivate init(_ header: Wire_Header, payload: [UInt8]) throws(WireError) {
        switch header.body {
        case .hello(let hello): self = .hello(try Hello(hello))
        case .welcome(let welcome): self = .welcome(try Welcome(welcome))
        case .refusal(let refusal): self = .refusal(reason: try String(wireReason: refusal.reason))
        case .fetch(let fetch):
            self = .fetch(
                BlobRange(
                    digest: try Digest(wire: fetch.digest), offset: try Int(wire: fetch.offset),
                    length: Int(fetch.length)))
        case .chunk(let chunk):
            self = .chunk(
                BlobChunk(
                    digest: try Digest(wire: chunk.digest), offset: try Int(wire: chunk.offset),
                    total: try Int(wire: chunk.total), bytes: payload))
        case .task(let task):
            // Checked against the payload, where there is one.
            let digest =
                payload.isEmpty
                ? Digest.sha256(of: payload) : try Digest(wire: header.payloadDigest)
            self = .task(try TaskMessage(task, biases: payload, digest: digest))
        case .result(let result): self = .result(try ShardResult(result, payload: payload))
        case .failure(let failure):
            let id = TaskID(
                job: try Digest(wire: failure.jobDigest), epoch: failure.epoch,
                round: try Int(wire: failure.round), shard: Int(failure.shard),
                attempt: Int(failure.attempt))
            self = .failure(id, reason: try String(wireReason: failure.reason))
        case .heartbeat(let heartbeat): self = .heartbeat(progress: heartbeat.progress)
        case .goodbye(let goodbye):
            self = .goodbye(
                reason: try String(wireReason: goodbye.reason), isFinished: goodbye.isFinished)
        case nil: throw WireError(.emptyBody)
        }
    }
}
