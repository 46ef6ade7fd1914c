// SPDX-License-Identifier: Apache-2.0

import Calibration
package import Cluster
import Dispatch
import Foundation
import Imaging
import JobInputs
import JobState
package import Logging
import NetworkGraph
import ONNXImport
import QDQ
import Quantization
import Release
package import Settings
import Storage

/// One calibration from files to files: `calibrate` and `coordinator` differ only in who the
/// workers are.
package struct CalibrationRun {
    private let configuration: Configuration
    private let origin: PreprocessingOrigin
    private let resumes: Bool
    private let command: [String]
    private let logger: Logger

    /// - Parameters:
    ///   - configuration: with a folder of results.
    ///   - origin: where its preprocessing comes from.
    ///   - resumes: whether to go on from a checkpoint.
    ///   - command: what starts the same job again, the program first.
    ///   - logger: told of events.
    package init(
        configuration: Configuration, origin: PreprocessingOrigin, resumes: Bool,
        command: [String], logger: Logger
    ) {
        self.configuration = configuration
        self.origin = origin
        self.resumes = resumes
        self.command = command
        self.logger = logger
    }

    /// - Parameters:
    ///   - listener: where workers connect.
    ///   - stop: ends the job early, with a checkpoint.
    ///   - board: takes the job's metrics.
    ///   - watcher: told of progress and results.
    /// - Throws: any module's error; ``RunError`` with kind `workers` where results are complete
    ///   but workers were shut out.
    package func run(
        listener: CoordinatorListener, stop: StopSignal, board: MetricsBoard<CoordinatorMetrics>,
        watcher: any CalibrationWatcher
    ) throws {
        let clock = ContinuousClock()
        let started = clock.now
        var timings = Timings()
        let out = try configuration.outDirectory()
        for (key, value) in configuration.keyValues {
            logger.info("setting", metadata: ["key": "\(key)", "value": "\(value)"])
        }
        let destination = try ResultsFolder(out)
        defer { destination.leave() }

        var (network, model) = try loadModel()
        let given = try configuration.quantized.map {
            try QuantizedModelFile(path: $0, float: network)
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
        let ((pool, images, facts), blob) = try concurrentPair(
            {
                var pool = try PreparedPool(
                    of: folder, for: configuration, preprocessing: preprocessing, logger: logger,
                    signal: { stop.received })
                var facts = InputFacts()
                facts.add(pool)
                let images = pool.blobs
                // Arrays would lie there twice from here on.
                pool.forgetImages()
                return (pool, images, facts)
            },
            { [network] in try NetworkBlob(network: network, encoding: encoding).sealed() })
        timings.images = (clock.now - started).seconds - timings.load
        facts.report(to: logger)
        pixels.arrays = facts.arrays
        let inputWarnings =
            [folder.leftOut.warning(in: configuration.images), given?.warning(of: pixels)]
            .compactMap(\.self) + facts.warnings(configuration, origin)
        inputWarnings.forEach(watcher.warn)
        let options = CalibrationOptions(configuration, isQuantized: given != nil)
        let labels = try configuration.rightLogits(
            of: pool.names, classes: network.graph.outputCount)
        let description = JobDescription(
            network: blob.digest, quantized: given?.digest,
            images: Digest.sha256(of: images.flatMap { $0.reference.digest.bytes }),
            imageCount: images.count, labels: labels, options: options)
        let text = try description.text()

        var store = JobStore(directory: destination.checkpoints)
        let record = JobRecord(
            job: Digest.sha256(of: text), version: Build.version, command: command,
            folder: FileManager.default.currentDirectoryPath,
            model: JobRecord.Image(name: configuration.model, digest: model.hex),
            quantized: given.map { JobRecord.Image(name: $0.path, digest: $0.digest.hex) },
            images: zip(pool.names, images).map {
                JobRecord.Image(name: $0, digest: $1.reference.digest.hex)
            },
            configuration: Dictionary(uniqueKeysWithValues: configuration.keyValues))
        let checkpoint = try loadCheckpoint(
            &store, description: description, record: record, out: out)
        let job = try CalibrationJob(
            network: network, options: options, imageCount: images.count,
            inputRange: facts.arrays == 0 ? encoding.range : nil,
            given: given?.network, fixedLayers: given?.fixedLayers ?? [], labels: labels,
            resuming: checkpoint?.progress ?? CalibrationJob.Progress())
        try record.write(to: store.directory)

        let driver = try CoordinatorDriver(
            job: CoordinatorDriver.Job(
                digest: Digest.sha256(of: text), calibration: job,
                epoch: (checkpoint?.epoch ?? 0) + 1, network: blob, images: images,
                names: pool.names, configuration: text),
            store: store, listener: listener,
            limits: CoordinatorLimits(configuration.cluster),
            stop: stop, logger: logger, metrics: board,
            report: { news in
                board.update { $0.observe(news) }
                if case .roundFinished(let round, let seconds, let processorSeconds) = news {
                    timings.add(round, seconds, processorSeconds)
                }
                watcher.show(news)
            })
        let finished = try {
            defer { watcher.roundsEnded() }
            return try driver.run()
        }()

        timings.total = (clock.now - started).seconds
        let results = CalibrationResults(
            configuration: configuration, description: description, job: finished, given: given,
            inputs: CalibrationResults.Inputs(
                pixels: pixels, leftOut: LeftOutRecord(folder.leftOut), skipped: pool.skipped,
                warnings: inputWarnings), timings: timings, timeline: driver.timeline)
        try results.write(to: out)
        try watcher.present(results)
        if !driver.quarantined.isEmpty {
            throw RunError(
                .workers,
                "the results are complete and hold nothing of it, but these workers computed wrong "
                    + "bits and were shut out: "
                    + driver.quarantined.map(\.description).joined(separator: ", "))
        }
    }

    /// The float network, and its file's digest.
    private func loadModel() throws -> (network: FloatNetwork, digest: Digest) {
        let path = configuration.model
        let shapes = configuration.inputShape?.extents ?? [:]
        return try concurrentPair(
            { try ONNXImporter.loadFloatNetwork(path: path, inputShapes: shapes) },
            {
                // Takes a few milliseconds, and workers are going to be asked for theirs.
                _ = GoldenShard.digest
                return try Digest.sha256(ofFile: path)
            })
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
            throw RunError(
                .unfinishedJob,
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
            throw RunError(
                .data,
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

extension PreparedPool {
    /// Content address and bytes of every image, as workers get them.
    fileprivate var blobs: [(reference: ImageReference, bytes: [UInt8])] {
        [(reference: ImageReference, bytes: [UInt8])](unsafeUninitializedCapacity: images.count) {
            buffer, initialized in
            // Every iteration has a place of its own.
            nonisolated(unsafe) let places = buffer
            DispatchQueue.concurrentPerform(iterations: images.count) { index in
                places.initializeElement(at: index, to: images[index].blob)
            }
            initialized = images.count
        }
    }
}

extension PreparedImage {
    fileprivate var blob: (reference: ImageReference, bytes: [UInt8]) {
        let (bytes, isTensor): ([UInt8], Bool) =
            switch payload {
            case .pixels(let pixels): (pixels, false)
            case .tensor(let values): (values.withUnsafeBytes { Array($0) }, true)
            }
        return (ImageReference(digest: Digest.sha256(of: bytes), isTensor: isTensor), bytes)
    }
}
