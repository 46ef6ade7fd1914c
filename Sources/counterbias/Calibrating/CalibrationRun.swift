// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Foundation
import Imaging
import JobState
import Logging
import NetworkGraph
import ONNXFormat
import Quantization
import Release
import Settings
import Storage
import ZeroMQ

/// One calibration from files to files: `calibrate` and `coordinator` differ only in who the
/// workers are.
struct CalibrationRun {
    let configuration: Configuration
    let origin: PreprocessingOrigin
    let resumes: Bool
    let printsJSON: Bool
    let isQuiet: Bool
    let logger: Logger
    /// `ADDRESS:PORT` on loopback; nil serves none.
    var metrics: String?

    /// - Parameters:
    ///   - listener: where workers connect.
    ///   - stop: ends the job early, with a checkpoint.
    /// - Throws: any module's error; the exit code follows from it.
    func run(listener: CoordinatorListener, stop: StopSignal) throws {
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
        let destination = try ResultsFolder(out)
        defer { destination.leave() }

        var (network, model) = try loadModel()
        let given = try configuration.quantized.map {
            try GivenQuantization(path: $0, float: network)
        }
        if let given {
            network = given.float
            given.report(to: logger)
        } else {
            try QDQModel.checkWritable(network.graph, file: configuration.model)
        }
        timings.load = (clock.now - started).seconds
        let preprocessing = try Preprocessing(
            configuration.preprocessing,
            input: network.graph.imageInput(model: configuration.model))
        var pixels = PixelRecord(
            configuration.preprocessing, resolved: preprocessing, origin: origin)
        pixels.report(to: logger)
        let encoding = InputEncoding(tables: preprocessing.lookupTables())
        let folder = try ImageFolder.list(configuration.images)
        let (pool, blob) = try sideBySide(
            { try preparePool(of: folder, preprocessing, stop) },
            { [network] in try NetworkBlob(network: network, encoding: encoding).sealed() })
        timings.images = (clock.now - started).seconds - timings.load
        var facts = InputFacts()
        facts.add(pool)
        facts.report(to: logger)
        pixels.arrays = facts.arrays
        let inputWarnings =
            [folder.leftOut.warning(in: configuration.images), given?.warning(of: pixels)]
            .compactMap(\.self) + warnings(of: facts)
        for warning in inputWarnings {
            Console.warn(warning, of: .input, logger: logger)
        }
        let options = CalibrationOptions(configuration, isQuantized: given != nil)
        let labels = try labels(of: pool, classes: network.graph.outputCount, options)
        let description = JobDescription(
            network: blob.digest, quantized: given?.digest,
            images: Digest.sha256(of: pool.images.flatMap { $0.reference.digest.bytes }),
            imageCount: pool.images.count, labels: labels, options: options)
        let text = try description.text()

        var store = JobStore(directory: destination.checkpoints)
        let record = try makeRecord(job: Digest.sha256(of: text), model: model, pool, given)
        let checkpoint = try loadCheckpoint(
            &store, description: description, record: record, out: out)
        let job = try CalibrationJob(
            network: network, options: options, imageCount: pool.images.count,
            inputRange: pool.isPixels ? encoding.range : nil,
            given: given?.network, fixedLayers: given?.fixedLayers ?? [], labels: labels,
            resuming: checkpoint?.progress ?? CalibrationJob.Progress())
        try record.write(to: store.directory)

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
            })
        defer { StatusLine.clear() }
        let finished = try driver.run()
        StatusLine.clear()

        timings.total = (clock.now - started).seconds
        let results = CalibrationResults(
            configuration: configuration, description: description, job: finished, given: given,
            inputs: CalibrationResults.Inputs(
                pixels: pixels, leftOut: LeftOutRecord(folder.leftOut), skipped: pool.skipped,
                warnings: inputWarnings), timings: timings, timeline: driver.timeline)
        try results.write(to: out)
        if printsJSON {
            try Console.print(json: results.summary)
        } else {
            Console.print(results.table)
        }
        for warning in results.warnings {
            Console.warn(warning, of: .result, logger: logger)
        }
        if !driver.quarantined.isEmpty {
            throw CommandError(
                EX_PROTOCOL,
                "the results are complete and hold nothing of it, but these workers computed wrong "
                    + "bits and were shut out: "
                    + driver.quarantined.map(\.description).joined(separator: ", "))
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
        of folder: ImageFolder, _ preprocessing: Preprocessing, _ stop: StopSignal
    ) throws -> PreparedPool {
        if !folder.leftOut.entries.isEmpty {
            logger.info(
                "files left out", metadata: ["counts": "\(folder.leftOut.summary)"])
        }
        let inputs = folder.inputs(for: preprocessing, limit: configuration.limit)
        let wanted = min(
            inputs.count,
            (imagesAskedFor.map(\.count).max() ?? 1) + (configuration.guardImages ?? 0))
        logger.info("preparing images", metadata: ["count": "\(wanted)"])
        let pool = try PreparedPool(
            entries: inputs, count: wanted,
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

    /// Keys that say how many images of the pool something takes, and their values.
    private var imagesAskedFor: [(key: String, count: Int)] {
        var counts: [(key: String, count: Int)] = []
        if configuration.quantized == nil {
            counts.append(("range_images", configuration.rangeImages))
        }
        if configuration.method.contains(.ibc) {
            counts.append(("ibc_images", configuration.ibcImages))
        }
        if configuration.method.contains(.bft) {
            counts.append(("bft.images", configuration.bft.images))
        }
        return counts
    }

    private func warnings(of facts: InputFacts) -> [String] {
        var warnings = facts.warnings(configuration.preprocessing, origin)
        let images = max(facts.images - (configuration.guardImages ?? 0), 0)
        let missed = imagesAskedFor.filter { $0.count > images }
        if !missed.isEmpty {
            let limit = configuration.limit.map { " with limit \($0)" } ?? ""
            let held = configuration.guardImages.map { ", \($0) held out," } ?? ""
            warnings.append(
                "only \(images) images\(limit)\(held) for "
                    + missed.map { "\($0.key) \($0.count)" }.joined(separator: ", ")
                    + "; give more, or ask for fewer")
        }
        return warnings
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
