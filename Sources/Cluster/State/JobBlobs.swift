import Calibration
import Quantization
import Storage

/// What tasks name and workers fetch, by digest: both networks, the images, and what the network should answer on them.
struct JobBlobs {
    private(set) var bytes: [Digest: [UInt8]] = [:]
    /// The float network's.
    let network: Digest
    private let images: [ImageReference]
    private var quantized: Digest?
    /// By image of the pool; nil until known.
    private var targets: [Digest]?

    /// - Parameters:
    ///   - network: the float network's blob.
    ///   - images: the pool, in order.
    ///   - job: where the job stands.
    /// - Throws: when the quantized network cannot be encoded.
    init(
        network: [UInt8], images: [(reference: ImageReference, bytes: [UInt8])],
        job: CalibrationJob
    ) throws {
        self.network = Digest.sha256(of: network)
        self.images = images.map(\.reference)
        bytes[self.network] = network
        for image in images { bytes[image.reference.digest] = image.bytes }
        try update(with: job)
    }

    /// Takes in what the job has come to know: the quantized network after its first round, targets with the start of
    /// fine-tuning or after that's first round. Neither changes any more, unless the job starts over.
    mutating func update(with job: CalibrationJob) throws {
        if job.quantized == nil { (quantized, targets) = (nil, nil) }
        if quantized == nil, let network = job.quantized {
            quantized = add(try QuantizedNetworkBlob.encode(network))
        }
        if targets == nil, let known = job.targets { targets = known.map { add($0.encoded()) } }
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
            biases: job.biases?.encoded() ?? [],
            images: job.images(of: round.kind, in: images, mirror: \.mirrored),
            targets: round.kind.loss == nil ? nil : targets)
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
