// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Imaging
import JobInputs
import Logging
import NetworkGraph
import QDQ
import Quantization
import Settings

extension FloatModel {
    /// Quantizes this model and corrects the biases, in this process. The result has the bits that
    /// `calibrate` gives, whatever the threads.
    /// - Parameters:
    ///   - images: path of a folder of unlabeled images (`.jpg`, `.png`, `.npy`).
    ///   - configuration: what decides the result.
    ///   - threads: at least 1; each holds a copy of the packed weights and computes whole shards
    ///     (`shard_images` images). All cores unless told.
    ///   - progress: called on this thread after every round. What it throws ends the calibration
    ///     and is thrown on.
    /// - Returns: the 8-bit model.
    /// - Throws: ``CounterbiasError`` for inputs that cannot be used.
    public func calibrated(
        on images: String, configuration: CalibrationConfiguration,
        threads: Int? = nil,
        progress: (CalibrationProgress) throws -> Void = { _ in }
    ) throws -> QuantizedModel {
        let settings = try configuration.resolved(model: path, images: images)
        let origin = configuration.origin
        var (runner, job, pixels, warnings) = try mappingErrors {
            try prepare(settings, origin, threads: threads ?? Self.cores)
        }
        while let (round, _) = try mappingErrors({ try runner.step(&job) }) {
            try progress(
                CalibrationProgress(
                    stage: CalibrationProgress.Stage(round.kind), rounds: job.progress.rounds,
                    roundsAtMost: job.roundLimit))
        }
        return try mappingErrors {
            guard let quantized = job.quantized, let result = job.result else {
                preconditionFailure("results of an unfinished job")
            }
            let (_, bytes) = try BiasPatch.create(
                encoding: quantized, metadata: pixels.modelMetadata, to: BiasState(of: result))
            warnings += job.warnings(Ledger(job))
            return try QuantizedModel(bytes: bytes, warnings: warnings)
        }
    }

    private func prepare(
        _ settings: Configuration, _ origin: PreprocessingOrigin, threads: Int
    ) throws -> (LocalRunner, CalibrationJob, PixelRecord, warnings: [String]) {
        let logger = Logger.silent
        try QDQModel.checkWritable(network.graph, file: path)
        let preprocessing = try Preprocessing(
            settings.preprocessing, input: network.graph.imageInput(model: path))
        let pixels = PixelRecord(settings.preprocessing, resolved: preprocessing, origin: origin)
        let encoding = InputEncoding(tables: preprocessing.lookupTables())
        let folder = try ImageFolder.list(settings.images)
        let pool = try PreparedPool(
            of: folder, for: settings, preprocessing: preprocessing, logger: logger)
        var facts = InputFacts()
        facts.add(pool)
        let job = try CalibrationJob(
            network: network, options: CalibrationOptions(settings, isQuantized: false),
            imageCount: pool.images.count, inputRange: pool.isPixels ? encoding.range : nil,
            labels: settings.rightLogits(of: pool.names, classes: network.graph.outputCount))
        let runner = LocalRunner(
            network: network, encoding: encoding, images: pool.images.map(\.input),
            threads: [Int](repeating: 1, count: threads))
        let left = [folder.leftOut.warning(in: settings.images)].compactMap(\.self)
        return (runner, job, pixels, left + facts.warnings(settings, origin))
    }
}

extension Logger {
    /// Says nothing: warnings are values here.
    static var silent: Logger { Logger(label: "counterbias") { _ in SwiftLogNoOpLogHandler() } }
}

extension FloatModel {
    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }
}
