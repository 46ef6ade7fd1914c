// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Quantization
import Storage
import TestSupport

/// Messages for codec tests: fixed ones with known bytes, and random ones.
enum MessageSample {
    private static func digest(_ byte: UInt8) -> Digest {
        Digest(bytes: [UInt8](repeating: byte, count: 32)) ?? Digest.sha256(of: "")
    }

    private static let id = TaskID(job: digest(0x11), epoch: 3, round: 70_000, shard: 5, attempt: 2)

    /// One of each kind, by the name of its header field.
    static let golden: [String: Message] = [
        "hello": .hello(
            Hello(
                versions: 1...2, golden: digest(0x22), host: "höst", process: 4711, threads: 8,
                isa: "avx2", build: "0.1.0")),
        "welcome": .welcome(
            Welcome(
                job: digest(0x11), epoch: 3, network: digest(0x33), shardLease: .seconds(60))),
        "refusal": .refusal(reason: "no"),
        "fetch": .fetch(BlobRange(digest: digest(0x33), offset: 262_144, length: 1_000)),
        "chunk": .chunk(
            BlobChunk(digest: digest(0x33), offset: 262_144, total: 262_147, bytes: [1, 2, 3])),
        "task": .task(
            TaskMessage(
                id: id, kind: .layerSums(layer: 4, match: .post),
                images: [
                    TaskImage(
                        position: 300,
                        reference: ImageReference(
                            digest: digest(0x44), isTensor: true, isMirrored: true)),
                    TaskImage(
                        position: 7,
                        reference: ImageReference(digest: digest(0x55), isTensor: false),
                        target: digest(0x88)),
                ], network: digest(0x33), quantized: digest(0x66), rescaling: digest(0x99),
                biases: [1, 0, 0, 0])),
        "result": .result(ShardResult(id: id, biases: digest(0x77), payload: [9, 8])),
        "failure": .failure(id, reason: "bad"),
        "heartbeat": .heartbeat(progress: 300),
        "goodbye": .goodbye(reason: "done", isFinished: true),
    ]

    /// Any message with any fields; payloads mostly small, now and then of several frames.
    static func random(_ generator: inout SeededGenerator) -> Message {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: .hello(generator.hello())
        case 1:
            .welcome(
                Welcome(
                    job: generator.digest(), epoch: generator.next(), network: generator.digest()))
        case 2: .refusal(reason: generator.text())
        case 3:
            .fetch(
                BlobRange(
                    digest: generator.digest(), offset: generator.count(),
                    length: Int(UInt32.random(in: 0...UInt32.max, using: &generator))))
        case 4:
            .chunk(
                BlobChunk(
                    digest: generator.digest(), offset: generator.count(), total: generator.count(),
                    bytes: generator.payload()))
        case 5: .task(generator.task())
        case 6:
            .result(
                ShardResult(
                    id: generator.taskID(), biases: generator.digest(), payload: generator.payload()
                ))
        case 7: .failure(generator.taskID(), reason: generator.text())
        case 8: .heartbeat(progress: generator.next())
        default: .goodbye(reason: generator.text(), isFinished: Bool.random(using: &generator))
        }
    }
}

extension SeededGenerator {
    mutating func digest() -> Digest { Digest.sha256(of: "\(next())") }

    /// Up to the largest count the wire takes, small ones more often.
    fileprivate mutating func count() -> Int {
        Int(next() >> UInt64.random(in: 16...63, using: &self))
    }

    fileprivate mutating func text() -> String {
        let characters = Array("abc \"\\\n\u{0}äß漢🙂")
        return String(
            (0..<Int.random(in: 0...20, using: &self)).map { _ in
                characters.randomElement(using: &self) ?? "a"
            })
    }

    mutating func payload() -> [UInt8] {
        let limit = BlobChunk.limit
        let count =
            [0, 1, 7, 100, limit, limit + 1, 2 * limit, 2 * limit + 5]
            .randomElement(using: &self) ?? 0
        let byte = UInt8.random(in: 0...255, using: &self)
        return [UInt8](repeating: byte, count: count)
    }

    fileprivate mutating func hello() -> Hello {
        let versions = UInt32.random(in: 0...9, using: &self)
        return Hello(
            versions: versions...versions + UInt32.random(in: 0...3, using: &self),
            golden: digest(), host: text(),
            process: UInt32.random(in: 0...UInt32.max, using: &self),
            threads: UInt32.random(in: 0...99, using: &self), isa: text(), build: text())
    }

    mutating func taskID() -> TaskID {
        TaskID(
            job: digest(), epoch: next(), round: count(),
            shard: Int(UInt32.random(in: 0...UInt32.max, using: &self)),
            attempt: Int.random(in: 0...9, using: &self))
    }

    fileprivate mutating func task() -> TaskMessage {
        let layer = Int.random(in: 0...200, using: &self)
        let kinds: [RoundKind] = [
            .statistics,
            .histograms(edges: [
                ActivationRange(lower: -1.5, upper: 0), ActivationRange(lower: 0, upper: 6),
            ]), .measure, .layerSums(layer: layer, match: .pre),
            .layerSums(layer: layer, match: .post), .teacher,
            .loss(TuningLoss(.kl, temperature: 0.5)),
            .gradient(TuningLoss(.relativeL2, temperature: 1)),
            .gradient(TuningLoss(.crossEntropy, temperature: 1)),
        ]
        let images = (0..<Int.random(in: 0...5, using: &self)).map { _ in
            TaskImage(
                position: count(),
                reference: ImageReference(
                    digest: digest(), isTensor: Bool.random(using: &self),
                    isMirrored: Bool.random(using: &self)),
                target: Bool.random(using: &self) ? digest() : nil)
        }
        return TaskMessage(
            id: taskID(), kind: kinds.randomElement(using: &self) ?? .measure,
            images: images, network: digest(),
            quantized: Bool.random(using: &self) ? digest() : nil,
            rescaling: Bool.random(using: &self) ? digest() : nil, biases: payload())
    }
}
