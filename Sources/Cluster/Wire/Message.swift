// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Storage

/// Versions of the wire protocol this build speaks.
package enum WireVersion {
    package static let oldest: UInt32 = 4
    package static let newest: UInt32 = 4
}

/// The closed set of messages between coordinator and workers.
package enum Message: Hashable, Sendable {
    case hello(Hello)
    case welcome(Welcome)
    case refusal(reason: String)
    case fetch(BlobRange)
    case chunk(BlobChunk)
    case task(TaskMessage)
    case result(ShardResult)
    case failure(TaskID, reason: String)
    case heartbeat(progress: UInt64)
    case goodbye(reason: String, isFinished: Bool)
}

/// What a worker says of itself.
package struct Hello: Hashable, Sendable {
    package var versions: ClosedRange<UInt32>
    /// Digest of the golden shard's result.
    package var golden: Digest
    package var host: String
    package var process: UInt32
    package var threads: UInt32
    package var isa: String
    package var build: String

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
    package var job: Digest
    /// Counts the coordinator's incarnations.
    package var epoch: UInt64
    package var network: Digest
    /// A worker that finishes no shard for so long gives up by itself; zero for never. Whole
    /// milliseconds travel.
    package var shardLease: Duration

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
    package var digest: Digest
    package var offset: Int
    package var length: Int

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

    package var digest: Digest
    package var offset: Int
    package var total: Int
    package var bytes: [UInt8]

    package init(digest: Digest, offset: Int, total: Int, bytes: [UInt8]) {
        self.digest = digest
        self.offset = offset
        self.total = total
        self.bytes = bytes
    }
}

/// Names one attempt at one shard of one round of one incarnation of a job.
package struct TaskID: Hashable, Sendable {
    package var job: Digest
    package var epoch: UInt64
    package var round: Int
    package var shard: Int
    package var attempt: Int

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
    package var digest: Digest
    /// The blob holds float32 values; otherwise uint8 pixels.
    package var isTensor: Bool
    /// The image is the blob with left and right exchanged.
    package var isMirrored: Bool

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
    package var reference: ImageReference
    /// Blob with what the network should answer: float32 logits, or one int32 label. Nil in rounds
    /// without a loss.
    package var target: Digest?

    package init(position: Int, reference: ImageReference, target: Digest? = nil) {
        self.position = position
        self.reference = reference
        self.target = target
    }
}

/// One shard to compute.
package struct TaskMessage: Hashable, Sendable {
    package var id: TaskID
    package var kind: RoundKind
    package var images: [TaskImage]
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
    package var id: TaskID
    /// Digest of the biases it was computed with.
    package var biases: Digest
    package var payload: [UInt8]

    package init(id: TaskID, biases: Digest, payload: [UInt8]) {
        self.id = id
        self.biases = biases
        self.payload = payload
    }
}
