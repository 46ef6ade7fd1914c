// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobState
import NetworkGraph
import Quantization
import Storage

/// What tasks name and workers fetch, by digest: both networks, what lies between their channels,
/// the images, and what the network should answer on them.
struct JobBlobs {
    private(set) var bytes: [Digest: [UInt8]] = [:]
    /// Of the float network as given, which rounds run.
    let network: Digest
    private let images: [ImageReference]
    private var quantized: Digest?
    /// Nil without equalization, and until it is done.
    private var rescaling: Digest?
    /// By image of fine-tuning or of the held-out check; nil until known.
    private var targets: (areHeldOut: Bool, digests: [Digest])?

    /// - Parameters:
    ///   - network: the float network's blob.
    ///   - images: the pool, in order.
    ///   - job: where the job stands.
    /// - Throws: when a network cannot be encoded.
    init(
        network: NetworkBlob.Sealed, images: [(reference: ImageReference, bytes: [UInt8])],
        job: CalibrationJob
    ) throws {
        self.network = network.digest
        self.images = images.map(\.reference)
        bytes[network.digest] = network.bytes
        for image in images { bytes[image.reference.digest] = image.bytes }
        try update(with: job)
    }

    /// Takes in what the job has come to know: the channels' scales, the quantized network, and
    /// targets with the start of a stage that compares logits or after that's first round. None
    /// changes any more within its stage, unless the job starts over.
    mutating func update(with job: CalibrationJob) throws {
        if job.quantized == nil { (rescaling, quantized, targets) = (nil, nil, nil) }
        if rescaling == nil, let equalization = job.equalization {
            rescaling = add(try equalization.rescaling.encoded())
        }
        if quantized == nil, let network = job.quantized {
            quantized = add(try QuantizedNetworkBlob.encode(network))
        }
        if targets?.areHeldOut != job.isCheckingHeldOut, let known = job.targets {
            targets = (job.isCheckingHeldOut, known.map { add($0.encoded()) })
        }
    }

    private mutating func add(_ blob: [UInt8]) -> Digest {
        let digest = Digest.sha256(of: blob)
        bytes[digest] = blob
        return digest
    }

    /// What the tasks of a round have in common.
    func context(of round: Round, in job: CalibrationJob) -> RoundContext {
        RoundContext(
            network: network, quantized: round.kind.needsQuantizedNetwork ? quantized : nil,
            rescaling: round.kind.needsRescaling ? rescaling : nil,
            biases: job.biases?.encoded() ?? [],
            images: job.images(of: round.kind, in: images, mirror: \.mirrored),
            targets: round.kind.loss == nil ? nil : targets?.digests,
            shape: ResultShape(of: round.kind, in: job.network.graph))
    }

    /// The answer to a worker's question; nil if it names nothing there is.
    func chunk(_ range: BlobRange) -> BlobChunk? {
        guard let blob = bytes[range.digest], range.offset < blob.count else { return nil }
        let end = min(range.offset + min(range.length, BlobChunk.limit), blob.count)
        return BlobChunk(
            digest: range.digest, offset: range.offset, total: blob.count,
            bytes: Array(blob[range.offset..<end]))
    }
}
