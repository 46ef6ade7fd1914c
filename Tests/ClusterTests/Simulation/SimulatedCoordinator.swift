import Calibration
import Quantization
import Storage

@testable import Cluster

/// A coordinator process: the real core, the real job, blobs to serve and a checkpoint as bytes.
struct SimulatedCoordinator {
    let simulated: SimulatedJob
    private(set) var job: CalibrationJob
    private(set) var core: CoordinatorCore
    private(set) var epoch: UInt64
    private(set) var blobs: [Digest: [UInt8]] = [:]
    private(set) var isFinished = false
    private var quantized: Digest?
    private var targets: [Digest]?
    var completed: [[UInt8]]?
    /// Results of the open round in the order they came in, duplicates included.
    var arrivals: [(shard: Int, payload: [UInt8])] = []

    /// What survives the process.
    struct Disk {
        var checkpoint: [UInt8]?
        var statistics: [UInt8]?
    }

    init(_ simulated: SimulatedJob, disk: Disk, lease: Duration, attempts: Int) throws {
        self.simulated = simulated
        let checkpoint = try disk.checkpoint.map { bytes in
            try JobCheckpoint(
                SafetensorsFile(sealed: bytes),
                statistics: try disk.statistics.map { try SafetensorsFile(sealed: $0) })
        }
        job = try simulated.job(resuming: checkpoint?.progress ?? .init())
        epoch = (checkpoint?.epoch ?? 0) + 1
        var limits = CoordinatorLimits(lease: lease)
        (limits.failures, limits.losses) = (attempts, attempts)
        let network = Digest.sha256(of: simulated.networkBlob)
        core = CoordinatorCore(
            job: simulated.digest, epoch: epoch, network: network, golden: SimulatedWorker.golden,
            limits: limits)
        blobs[network] = simulated.networkBlob
        for image in simulated.images { blobs[image.reference.digest] = image.bytes }
        if let quantized = job.quantized { try publish(quantized) }
        publishTargets()
    }

    private mutating func publishTargets() {
        targets = job.targets?.map { target in
            let bytes = target.encoded()
            let digest = Digest.sha256(of: bytes)
            blobs[digest] = bytes
            return digest
        }
    }

    private mutating func publish(_ network: QuantizedNetwork) throws {
        let bytes = try QuantizedNetworkBlob.encode(network)
        let digest = Digest.sha256(of: bytes)
        blobs[digest] = bytes
        quantized = digest
    }

    mutating func handle(
        _ event: CoordinatorCore.Event, at time: Int
    ) -> [CoordinatorCore.Action] {
        if case .received(_, .result(let result)) = event, isCurrent(result) {
            arrivals.append((result.id.shard, result.payload))
        }
        return core.handle(event, at: .milliseconds(time))
    }

    private func isCurrent(_ result: ShardResult) -> Bool {
        result.id.epoch == epoch && result.id.round == job.progress.rounds
    }

    func save(to disk: inout Disk) throws {
        let checkpoint = JobCheckpoint(
            job: simulated.digest, epoch: epoch, progress: job.progress, configuration: "test")
        if let statistics = try checkpoint.statisticsFile() {
            disk.statistics = statistics.sealed()
        }
        disk.checkpoint = try checkpoint.file().sealed()
    }

    /// The event that opens the next round; nil when there is none.
    mutating func nextRound() -> CoordinatorCore.Event? {
        arrivals = []
        guard let round = job.nextRound else {
            isFinished = true
            return nil
        }
        let context = RoundContext(
            network: Digest.sha256(of: simulated.networkBlob),
            quantized: round.kind.needsQuantizedNetwork ? quantized : nil,
            biases: job.biases?.encoded() ?? [],
            images: job.images(
                of: round.kind, in: simulated.images.map(\.reference), mirror: \.mirrored),
            targets: round.kind.loss == nil ? nil : targets)
        return .opened(round, context)
    }

    mutating func complete(_ results: [[UInt8]]) throws {
        let isFirst = job.progress.stage == .statistics
        try job.complete(results)
        if isFirst, let quantized = job.quantized { try publish(quantized) }
        publishTargets()
    }

    func chunk(_ range: BlobRange) -> Message? {
        guard let blob = blobs[range.digest], range.offset < blob.count else { return nil }
        let end = min(range.offset + min(range.length, BlobChunk.limit), blob.count)
        return .chunk(
            BlobChunk(
                digest: range.digest, offset: range.offset, total: blob.count,
                bytes: Array(blob[range.offset..<end])))
    }
}
