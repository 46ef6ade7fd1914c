// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import PrintableText
import Storage

extension Digest {
    var wire: Data { Data(bytes) }

    init(wire: Data) throws(WireError) {
        guard let digest = Digest(bytes: Array(wire)) else { throw WireError(.field("digest")) }
        self = digest
    }
}

extension Int {
    /// Offsets and counts: bounded so that sums of two of them cannot overflow.
    init(wire value: UInt64) throws(WireError) {
        guard value <= 1 << 48 else { throw WireError(.field("number")) }
        self = Int(value)
    }
}

/// Most bytes of texts in messages. Senders cut theirs, a longer one is malformed.
enum WireText {
    static let name = PrintableText.nameBytes
    static let reason = 1_024
}

extension String {
    /// A text of at most `limit` bytes; the error names `field`.
    init(wire text: String, field: String, limit: Int) throws(WireError) {
        guard text.utf8.count <= limit else { throw WireError(.field(field)) }
        self = text
    }

    /// Why something was refused, failed or ended.
    init(wireReason text: String) throws(WireError) {
        try self.init(wire: text, field: "reason", limit: WireText.reason)
    }

    var wireReason: String { cut(bytes: WireText.reason) }
}

extension Hello {
    func wire() -> Counterbias_Wire_Hello {
        var message = Counterbias_Wire_Hello()
        message.oldestVersion = versions.lowerBound
        message.newestVersion = versions.upperBound
        message.goldenDigest = golden.wire
        message.host = host.cut(bytes: WireText.name)
        message.process = process
        message.threads = threads
        message.isa = isa.cut(bytes: WireText.name)
        message.build = build.cut(bytes: WireText.name)
        return message
    }

    init(_ message: Counterbias_Wire_Hello) throws(WireError) {
        guard message.oldestVersion <= message.newestVersion else {
            throw WireError(.field("version"))
        }
        self.init(
            versions: message.oldestVersion...message.newestVersion,
            golden: try Digest(wire: message.goldenDigest),
            host: try String(wire: message.host, field: "host", limit: WireText.name),
            process: message.process, threads: message.threads,
            isa: try String(wire: message.isa, field: "isa", limit: WireText.name),
            build: try String(wire: message.build, field: "build", limit: WireText.name))
    }
}

extension Welcome {
    func wire() -> Counterbias_Wire_Welcome {
        var message = Counterbias_Wire_Welcome()
        message.jobDigest = job.wire
        message.epoch = epoch
        message.networkDigest = network.wire
        message.shardLeaseMilliseconds = UInt64(clamping: Int64(shardLease / .milliseconds(1)))
        return message
    }

    init(_ message: Counterbias_Wire_Welcome) throws(WireError) {
        self.init(
            job: try Digest(wire: message.jobDigest), epoch: message.epoch,
            network: try Digest(wire: message.networkDigest),
            shardLease: .milliseconds(Int64(clamping: message.shardLeaseMilliseconds)))
    }
}

extension TaskMessage {
    func wire() -> Counterbias_Wire_Task {
        var message = Counterbias_Wire_Task()
        message.jobDigest = id.job.wire
        message.epoch = id.epoch
        message.round = UInt64(id.round)
        message.shard = UInt32(id.shard)
        message.attempt = UInt32(id.attempt)
        kind.write(to: &message)
        message.images = images.map { image in
            var reference = Counterbias_Wire_Image()
            reference.digest = image.reference.digest.wire
            reference.isTensor = image.reference.isTensor
            reference.isMirrored = image.reference.isMirrored
            reference.position = UInt64(image.position)
            if let target = image.target { reference.targetDigest = target.wire }
            return reference
        }
        message.networkDigest = network.wire
        if let quantized { message.quantizedDigest = quantized.wire }
        if let rescaling { message.rescalingDigest = rescaling.wire }
        return message
    }

    /// `digest`: of `biases`.
    init(
        _ message: Counterbias_Wire_Task, biases: [UInt8], digest: Digest
    ) throws(WireError) {
        var images: [TaskImage] = []
        for image in message.images {
            images.append(
                TaskImage(
                    position: try Int(wire: image.position),
                    reference: ImageReference(
                        digest: try Digest(wire: image.digest), isTensor: image.isTensor,
                        isMirrored: image.isMirrored),
                    target: image.targetDigest.isEmpty
                        ? nil : try Digest(wire: image.targetDigest)))
        }
        self.init(
            id: TaskID(
                job: try Digest(wire: message.jobDigest), epoch: message.epoch,
                round: try Int(wire: message.round), shard: Int(message.shard),
                attempt: Int(message.attempt)),
            kind: try RoundKind(message), images: images,
            network: try Digest(wire: message.networkDigest),
            quantized: message.quantizedDigest.isEmpty
                ? nil : try Digest(wire: message.quantizedDigest),
            rescaling: message.rescalingDigest.isEmpty
                ? nil : try Digest(wire: message.rescalingDigest),
            biases: biases, biasDigest: digest)
    }
}

extension ShardResult {
    func wire() -> Counterbias_Wire_Result {
        var message = Counterbias_Wire_Result()
        message.jobDigest = id.job.wire
        message.epoch = id.epoch
        message.round = UInt64(id.round)
        message.shard = UInt32(id.shard)
        message.attempt = UInt32(id.attempt)
        message.biasDigest = biases.wire
        return message
    }

    init(_ message: Counterbias_Wire_Result, payload: [UInt8]) throws(WireError) {
        self.init(
            id: TaskID(
                job: try Digest(wire: message.jobDigest), epoch: message.epoch,
                round: try Int(wire: message.round), shard: Int(message.shard),
                attempt: Int(message.attempt)),
            biases: try Digest(wire: message.biasDigest), payload: payload)
    }
}
