import Calibration
import Cluster
import Foundation
import Imaging
import Logging
import NetworkGraph
import ONNXFormat
import Quantization
import Settings
import Storage
import ZeroMQ

/// One calibration from files to files: `calibrate` and `coordinator` differ only in who the workers are.
struct CalibrationRun {
    let configuration: Configuration
    let resumes: Bool
    let printsJSON: Bool
    let isQuiet: Bool
    let logger: Logger
    /// `ADDRESS:PORT` on loopback; nil serves none.
    var metrics: String?

    /// - Parameters:
    ///   - listener: where workers connect.
    ///   - stop: ends the job early, with a checkpoint.
    ///   - upkeep: called between polls.
    /// - Throws: any module's error; the exit code follows from it.
    func run(
        listener: CoordinatorListener, stop: StopSignal, upkeep: @escaping () throws -> Void = {}
    ) throws {
        let clock = ContinuousClock()
        let started = clock.now
        var timings = Timings()
        let out = try configuration.outDirectory()
        logger.info("listening", metadata: ["endpoint": "\(listener.endpoint)"])
        let board = MetricsBoard(CoordinatorMetrics())
        if let metrics {
            try MetricsServer.start(metrics, logger: logger) { board.current.text }
        }
        for (key, value) in configuration.keyValues {
            logger.info("setting", metadata: ["key": "\(key)", "value": "\(value)"])
        }
        // Held from the start: a second coordinator learns it before it reads anything.
        try makeDirectory(out + "/checkpoint")
        let lock = try DirectoryLock(directory: out)
        defer { withExtendedLifetime(lock) {} }

        var (network, model) = try loadModel()
        let given = try configuration.quantized.map {
            try GivenQuantization(path: $0, float: network)
        }
        if let given {
            network = given.float
            given.report(to: logger)
        }
        timings.load = (clock.now - started).seconds
        let preprocessing = try Preprocessing(
            configuration.preprocessing, input: network.graph.input)
        let encoding = InputEncoding(tables: preprocessing.lookupTables())
        let (pool, blob) = try sideBySide(
            { try preparePool(preprocessing, stop) },
            { [network] in try NetworkBlob(network: network, encoding: encoding).sealed() })
        timings.images = (clock.now - started).seconds - timings.load
        let options = CalibrationOptions(configuration, isQuantized: given != nil)
        let labels = try labels(of: pool, classes: network.outputCount, options)
        let description = JobDescription(
            network: blob.digest, quantized: given?.digest,
            images: Digest.sha256(of: pool.images.flatMap { $0.reference.digest.bytes }),
            imageCount: pool.images.count, labels: labels, options: options)
        let text = try description.text()

        var store = JobStore(directory: out + "/checkpoint")
        let record = try makeRecord(job: Digest.sha256(of: text), model: model, pool, given)
        let checkpoint = try loadCheckpoint(
            &store, description: description, record: record, out: out)
        try record.write(to: store.directory)
        let job = try CalibrationJob(
            network: network, options: options, imageCount: pool.images.count,
            inputRange: pool.isPixels ? encoding.range : nil,
            given: given?.network, fixedLayers: given?.fixedLayers ?? [], labels: labels,
            resuming: checkpoint?.progress ?? CalibrationJob.Progress())

        let display = ProgressDisplay(quiet: isQuiet, logger: logger)
        let driver = try CoordinatorDriver(
            job: CoordinatorDriver.Job(
                digest: Digest.sha256(of: text), calibration: job,
                epoch: (checkpoint?.epoch ?? 0) + 1, network: blob, images: pool.images,
                names: pool.names, configuration: text),
            store: store, listener: listener,
            limits: CoordinatorLimits(configuration.cluster),
            stop: stop, logger: logger, metrics: board,
            report: { news in
                board.update { $0.observe(news) }
                if case .roundFinished(let round, let seconds, let processorSeconds) = news {
                    timings.add(round, seconds, processorSeconds)
                }
                display.show(news)
            }, upkeep: upkeep)
        defer { display.clear() }
        let finished = try driver.run()
        display.clear()

        timings.total = (clock.now - started).seconds
        let results = CalibrationResults(
            configuration: configuration, description: description, job: finished, given: given,
            skipped: pool.skipped, timings: timings, timeline: driver.timeline)
        try results.write(to: out)
        if printsJSON {
            try Console.print(json: results.summary)
        } else {
            Console.print(results.table)
        }
        for warning in results.warnings {
            logger.warning("check the result", metadata: ["reason": "\(warning)"])
        }
        if !driver.quarantined.isEmpty {
            throw CommandError(
                EX_PROTOCOL,
                "the results are complete and hold nothing of it, but these workers computed wrong "
                    + "bits and were shut out: "
                    + driver.quarantined.map(\.account).joined(separator: ", "))
        }
    }

    /// The float network, and its file's digest.
    private func loadModel() throws -> (network: FloatNetwork, digest: Digest) {
        let path = configuration.model
        return try sideBySide(
            { try ONNXImporter.loadFloatNetwork(path: path) },
            {
                // Takes a few milliseconds, and workers are going to be asked for theirs.
                _ = GoldenShard.digest
                return try Digest.sha256(ofFile: path)
            })
    }

    private func makeRecord(
        job: Digest, model: Digest, _ pool: PreparedPool, _ given: GivenQuantization?
    ) throws -> JobRecord {
        JobRecord(
            job: job, version: Build.version,
            command: ["counterbias"] + CommandLine.arguments.dropFirst(),
            folder: FileManager.default.currentDirectoryPath,
            model: JobRecord.Image(
                name: configuration.model,
                digest: model.hex),
            quantized: given.map { JobRecord.Image(name: $0.path, digest: $0.digest.hex) },
            images: zip(pool.names, pool.images).map {
                JobRecord.Image(name: $0, digest: $1.reference.digest.hex)
            },
            configuration: Dictionary(uniqueKeysWithValues: configuration.keyValues))
    }

    private func preparePool(
        _ preprocessing: Preprocessing, _ stop: StopSignal
    ) throws -> PreparedPool {
        let folder = try ImageFolder.list(configuration.images)
        let limit = configuration.limit ?? folder.entries.count
        let wanted = min(
            limit,
            max(
                configuration.quantized == nil ? configuration.rangeImages : 1,
                configuration.method.contains(.ibc) ? configuration.ibcImages : 0,
                configuration.method.contains(.bft) ? configuration.bft.images : 0)
                + (configuration.guardImages ?? 0))
        logger.info("preparing images", metadata: ["count": "\(wanted)"])
        let pool = try PreparedPool(
            entries: Array(folder.entries.prefix(limit)), count: wanted,
            preprocessing: preprocessing, skipsBad: configuration.skipBadImages, stop: stop)
        for image in pool.skipped {
            logger.warning(
                "image skipped", metadata: ["file": "\(image.file)", "reason": "\(image.reason)"])
        }
        guard !pool.images.isEmpty else {
            throw CommandError(EX_DATAERR, "\(configuration.images): no image could be read")
        }
        return pool
    }

    /// Right logits of all images, where fine-tuning compares with labels.
    private func labels(
        of pool: PreparedPool, classes: Int, _ options: CalibrationOptions
    ) throws -> [Int]? {
        guard options.tuning?.loss == .crossEntropy, let file = configuration.labels.file else {
            return nil
        }
        let table = try LabelTable(path: file)
        return try pool.names.map {
            try table.label(of: $0, offset: configuration.labels.offset, classes: classes)
        }
    }

    private func makeDirectory(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw CommandError(
                EX_CANTCREAT,
                "\(path): the results' folder cannot be made: \(error.localizedDescription)")
        }
    }

    private func loadCheckpoint(
        _ store: inout JobStore, description: JobDescription, record: JobRecord, out: String
    ) throws -> JobCheckpoint? {
        if !resumes, try store.isFinished() { return nil }
        guard let loaded = try store.load() else {
            if resumes {
                logger.notice(
                    "nothing to resume, starting from the beginning", metadata: ["out": "\(out)"])
            }
            return nil
        }
        for damaged in loaded.file.damaged {
            logger.error(
                "checkpoint damaged",
                metadata: [
                    "path": "\(damaged.path)", "reason": "\(damaged.reason)",
                    "used instead": "\(loaded.file.path)",
                ])
        }
        let checkpoint = loaded.checkpoint
        guard resumes else {
            throw CommandError(
                EX_TEMPFAIL,
                "\(out) holds an unfinished job (round \(checkpoint.progress.rounds)): add --resume to go "
                    + "on with it, choose another --out, or remove \(out)/checkpoint")
        }
        let text = try description.text()
        guard checkpoint.job == Digest.sha256(of: text) else {
            let other = try? JSONDecoder().decode(
                JobDescription.self, from: Data(checkpoint.configuration.utf8))
            let differences =
                other.map {
                    description.differences(
                        record, from: $0,
                        JobRecord.read(from: store.directory, of: checkpoint.job))
                } ?? []
            throw CommandError(
                EX_DATAERR,
                "\(out): the checkpoint belongs to another job; different: "
                    + (differences.isEmpty ? "the format" : differences.joined(separator: "; "))
                    + ". Put that back, choose another --out, or remove \(out)/checkpoint")
        }
        if let reason = loaded.statisticsProblem {
            logger.error(
                "statistics unusable, computing them again",
                metadata: ["path": "\(store.statisticsPath)", "reason": "\(reason)"])
        }
        logger.notice(
            "resuming",
            metadata: [
                "round": "\(checkpoint.progress.rounds)", "checkpoint": "\(loaded.file.path)",
            ])
        return checkpoint
    }
}

extension CoordinatorLimits {
    init(_ settings: ClusterSettings) {
        self.init(
            lease: .seconds(settings.leaseSeconds),
            shardLease: .seconds(settings.shardLeaseSeconds), auditShare: settings.audit)
    }
}

/// Seconds by stage.
struct Timings: Codable {
    var load = 0.0
    var images = 0.0
    var statistics = 0.0
    var correction = 0.0
    /// Teacher logits and losses of fine-tuning.
    var tuningMeasurement = 0.0
    /// Steps of fine-tuning.
    var tuning = 0.0
    var measurement = 0.0
    /// Processor time of the coordinator in the steps of fine-tuning.
    var tuningProcessor = 0.0
    var total = 0.0

    mutating func add(_ round: Round, _ seconds: Double, _ processorSeconds: Double) {
        switch round.kind {
        case .statistics, .histograms: statistics += seconds
        case .layerSums: correction += seconds
        case .measure: measurement += seconds
        case .teacher, .loss: tuningMeasurement += seconds
        case .gradient:
            tuning += seconds
            tuningProcessor += processorSeconds
        }
    }
}

extension FloatNetwork {
    /// Logits per image.
    fileprivate var outputCount: Int { graph.shape(of: graph.output.value).count }
}
