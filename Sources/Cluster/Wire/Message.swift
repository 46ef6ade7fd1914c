// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Storage

/// Versions of the wire protocol this build speaks.
package enum WireVersion {
    /// Of those that it understands.
    package static let oldest: UInt32 = 4
    /// Of those that it understands; what it sends.
    package static let newest: UInt32 = 4
}

/// The closed set of messages between coordinator and workers.
package enum Message: Hashable, Sendable {
    /// Worker: here I am. Repeated until it is answered.
    case hello(Hello)
    /// Coordinator: you may work for this job.
    case welcome(Welcome)
    /// Coordinator: you may not, and need not come again. Readable in every version.
    case refusal(reason: String)
    /// Worker: send me this part of a blob.
    case fetch(BlobRange)
    /// Coordinator: what was asked for.
    case chunk(BlobChunk)
    /// Coordinator: compute this shard.
    case task(TaskMessage)
    /// Worker: the shard is computed.
    case result(ShardResult)
    /// Worker: the shard cannot be computed. The reason has at most 1,024 bytes, here and below.
    case failure(TaskID, reason: String)
    /// Both: a sign of life. A worker's `progress` grows while it gets on; a coordinator sends it
    /// back.
    case heartbeat(progress: UInt64)
    /// Both: this connection is over; `isFinished` where the job is.
    case goodbye(reason: String, isFinished: Bool)
}

/// What a worker says of itself.
package struct Hello: Hashable, Sendable {
    /// Of the protocol that it speaks.
    package var versions: ClosedRange<UInt32>
    /// Digest of the golden shard's result.
    package var golden: Digest
    /// The machine's host name; cut to the bytes of a name on the wire, as all texts here.
    package var host: String
    /// Process identifier on that host.
    package var process: UInt32
    /// Threads it computes with.
    package var threads: UInt32
    /// Instruction set of its kernels (`CPU.isaName`).
    package var isa: String
    /// Version of its release.
    package var build: String

    /// Memberwise; the versions are this build's unless told.
    package init(
        versions: ClosedRange<UInt32> = WireVersion.oldest...WireVersion.newest, golden: Digest,
        host: String, process: UInt32, threads: UInt32, isa: String, build: String
    ) {
        self.versions = versions
        self.golden = golden
        self.host = host
        self.process = process
        self.threads = threads
        self.isa = isa
        self.build = build
    }
}

/// What an admitted worker learns.
package struct Welcome: Hashable, Sendable {
    /// Names the job in every task and result.
    package var job: Digest
    /// Counts the coordinator's incarnations.
    package var epoch: UInt64
    /// Blob of the float network, to be fetched at once.
    package var network: Digest
    /// A worker that finishes no shard for so long gives up by itself; zero for never. Whole
    /// milliseconds travel.
    package var shardLease: Duration

    /// Memberwise, unchecked.
    package init(
        job: Digest, epoch: UInt64, network: Digest, shardLease: Duration = .zero
    ) {
        self.job = job
        self.epoch = epoch
        self.network = network
        self.shardLease = shardLease
    }
}

/// Part of a content-addressed blob.
package struct BlobRange: Hashable, Sendable {
    /// SHA-256 of the whole blob.
    package var digest: Digest
    /// In bytes, from the start of the blob.
    package var offset: Int
    /// In bytes; the answer may be shorter, at most ``BlobChunk/limit``.
    package var length: Int

    /// Memberwise; what is out of range is found by whoever holds the blob.
    package init(digest: Digest, offset: Int, length: Int) {
        self.digest = digest
        self.offset = offset
        self.length = length
    }
}

/// Bytes of a blob, and how long the whole is.
package struct BlobChunk: Hashable, Sendable {
    /// Largest chunk, and largest payload frame, in bytes.
    package static let limit = 256 * 1024

    /// SHA-256 of the whole blob.
    package var digest: Digest
    /// Of the first byte, from the start of the blob.
    package var offset: Int
    /// Bytes of the whole blob.
    package var total: Int
    /// At most ``limit``; the blob's digest covers them, the message's does not.
    package var bytes: [UInt8]

    /// Memberwise; nothing is checked.
    package init(digest: Digest, offset: Int, total: Int, bytes: [UInt8]) {
        self.digest = digest
        self.offset = offset
        self.total = total
        self.bytes = bytes
    }
}

/// Names one attempt at one shard of one round of one incarnation of a job.
package struct TaskID: Hashable, Sendable {
    /// Of the configuration; names the job.
    package var job: Digest
    /// The coordinator's incarnation.
    package var epoch: UInt64
    /// From 0, in the order of the job.
    package var round: Int
    /// Index in the round, from 0.
    package var shard: Int
    /// Index among those the shard was given out with, from 0.
    package var attempt: Int

    /// Memberwise, unchecked.
    package init(job: Digest, epoch: UInt64, round: Int, shard: Int, attempt: Int) {
        self.job = job
        self.epoch = epoch
        self.round = round
        self.shard = shard
        self.attempt = attempt
    }
}

/// Address and form of one image.
package struct ImageReference: Hashable, Sendable {
    /// SHA-256 of the blob with its pixels or values.
    package var digest: Digest
    /// The blob holds float32 values; otherwise uint8 pixels.
    package var isTensor: Bool
    /// The image is the blob with left and right exchanged.
    package var isMirrored: Bool

    /// Memberwise, unchecked.
    package init(digest: Digest, isTensor: Bool, isMirrored: Bool = false) {
        self.digest = digest
        self.isTensor = isTensor
        self.isMirrored = isMirrored
    }

    /// The same blob, mirrored.
    package var mirrored: ImageReference {
        ImageReference(digest: digest, isTensor: isTensor, isMirrored: !isMirrored)
    }
}

/// One image of a shard.
package struct TaskImage: Hashable, Sendable {
    /// In the job's list; for messages, and to tell shards apart.
    package var position: Int
    /// The blob and how to read it.
    package var reference: ImageReference
    /// Blob with what the network should answer: float32 logits, or one int32 label. Nil in rounds
    /// without a loss.
    package var target: Digest?

    /// Memberwise, unchecked.
    package init(position: Int, reference: ImageReference, target: Digest? = nil) {
        self.position = position
        self.reference = reference
        self.target = target
    }
}

/// One shard to compute.
package struct TaskMessage: Hashable, Sendable {
    /// To be named in the answer.
    package var id: TaskID
    /// What is to be computed of the images.
    package var kind: RoundKind
    /// Of the shard, in its order: sums are made in it.
    package var images: [TaskImage]
    /// Blob of the float network.
    package var network: Digest
    /// Nil before the network is quantized.
    package var quantized: Digest?
    /// Blob that leads from the network's channels to the quantized network's, in rounds that need
    /// it; nil where they are the same.
    package var rescaling: Digest?
    /// Biases as little-endian int32, layer after layer; empty before the network is quantized.
    package let biases: [UInt8]
    /// Of `biases`; results echo it.
    package let biasDigest: Digest

    /// Memberwise; hashes the biases where no digest is given, and does not check one that is.
    package init(
        id: TaskID, kind: RoundKind, images: [TaskImage], network: Digest,
        quantized: Digest?, rescaling: Digest? = nil, biases: [UInt8], biasDigest: Digest? = nil
    ) {
        self.id = id
        self.kind = kind
        self.images = images
        self.network = network
        self.quantized = quantized
        self.rescaling = rescaling
        self.biases = biases
        self.biasDigest = biasDigest ?? Digest.sha256(of: biases)
    }
}

/// One computed shard.
package struct ShardResult: Hashable, Sendable {
    /// Of the task that it answers.
    package var id: TaskID
    /// Digest of the biases it was computed with.
    package var biases: Digest
    /// Sums of the shard in the form of its round (``ResultShape``).
    package var payload: [UInt8]

    /// Memberwise, unchecked.
    package init(id: TaskID, biases: Digest, payload: [UInt8]) {
        self.id = id
        self.biases = biases
        self.payload = payload
    }
}
