import Calibration
import Quantization
import Storage
import TestSupport

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
    private var hasStatistics = false
    private var hasTeacher = false
    var completed: [[UInt8]]?
    var mustStartOver = false
    /// Results of the open round in the order they came in, duplicates included.
    var arrivals: [(shard: Int, payload: [UInt8])] = []

    private var store: CheckpointStore
    private let disk: SimulatedFileSystem
    private static let statistics = "out/statistics"

    /// - Throws: when the checkpoints cannot be read, which the disk does not allow for.
    init(
        _ simulated: SimulatedJob, disk: SimulatedFileSystem, limits: CoordinatorLimits
    ) throws {
        self.simulated = simulated
        self.disk = disk
        store = CheckpointStore(directory: "out", fileSystem: disk)
        try disk.createDirectories("out")
        let content = try store.load()?.content
        let statistics = try? SafetensorsFile(
            sealed: disk.read(Self.statistics, limit: 1 << 30), file: Self.statistics)
        // Without its statistics a job starts over.
        let checkpoint = try content.map { try JobCheckpoint($0, statistics: statistics) }
        job = try simulated.job(resuming: checkpoint?.progress ?? .init())
        epoch = (checkpoint?.epoch ?? 0) + 1
        hasStatistics = job.progress.statistics != nil
        hasTeacher = !job.progress.teacher.isEmpty
        let network = Digest.sha256(of: simulated.networkBlob)
        core = CoordinatorCore(
            job: simulated.digest, epoch: epoch, network: network, golden: SimulatedWorker.golden,
            limits: limits, isResumed: job.progress.rounds > 0)
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

    /// Makes the state durable, statistics first, as the driver does.
    mutating func save() throws(StorageError) {
        let checkpoint = JobCheckpoint(
            job: simulated.digest, epoch: epoch, progress: job.progress, configuration: "test")
        if job.progress.statistics != nil, !hasStatistics, let file = statistics(of: checkpoint) {
            try AtomicFile.write(
                file.sealed(), to: Self.statistics, durable: true, fileSystem: disk)
            hasStatistics = true
        }
        if job.progress.tuning != nil, !hasTeacher, !job.progress.teacher.isEmpty,
            let file = statistics(of: checkpoint)
        {
            try AtomicFile.write(
                file.sealed(), to: Self.statistics, durable: true, fileSystem: disk)
            hasTeacher = true
        }
        guard let file = try? checkpoint.file() else { preconditionFailure("no checkpoint") }
        try store.save(file)
    }

    private func statistics(of checkpoint: JobCheckpoint) -> SafetensorsFile? {
        try? checkpoint.statisticsFile()
    }

    /// What the driver does when a liar's results are in earlier rounds.
    mutating func startOver() throws -> [CoordinatorCore.Action] {
        job = try job.restarted()
        epoch += 1
        (quantized, targets) = (nil, nil)
        (hasStatistics, hasTeacher) = (false, false)
        mustStartOver = false
        completed = nil
        return core.handle(.startedOver(epoch: epoch), at: .zero)
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
