// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Foundation
import JobState
import Quantization
import Settings
import Storage

/// Everything that decides a job's bits; its digest names the job.
struct JobDescription: Codable, Hashable {
    /// Digest of the folded float network with its pixel encoding.
    var network: Digest
    /// Digest of the given quantized model's file; nil where the network is quantized here.
    var quantized: Digest?
    /// Digest over the digests of all images, in order.
    var images: Digest
    var imageCount: Int
    /// Right logit of every image, where fine-tuning compares with labels.
    var labels: [Int]?
    var options: CalibrationOptions

    func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// What differs from an earlier job, in the user's words.
    /// - Parameters:
    ///   - record: of this job.
    ///   - other: the earlier job.
    ///   - otherRecord: names its files; without it only the kind of difference is known.
    /// - Returns: one phrase per difference; none if the jobs are the same.
    func differences(
        _ record: JobRecord, from other: JobDescription, _ otherRecord: JobRecord?
    ) -> [String] {
        var names = JobDifferences.of(other.options, options)
        if let otherRecord {
            if names.isEmpty, options != other.options {
                names = JobDifferences.otherSettings(otherRecord, record)
            }
            let files = JobDifferences.of(otherRecord, record)
            names = files + names
            // The same file, read another way.
            if network != other.network, files.isEmpty {
                names.append(
                    JobDifferences.change("the release", otherRecord.version, record.version))
            }
        } else {
            if network != other.network { names.append("the model or its preprocessing") }
            if quantized != other.quantized { names.append("the quantized model") }
            if imageCount != other.imageCount {
                names.append("the number of images (\(other.imageCount) then, \(imageCount) now)")
            } else if images != other.images {
                names.append("the images")
            }
        }
        if let labels, let others = other.labels, labels != others,
            let position = zip(others, labels).enumerated().first(where: { $1.0 != $1.1 })
        {
            let name = record.images[position.offset].name
            names.append(
                JobDifferences.change(
                    "the label of \(name)", "\(position.element.0)", "\(position.element.1)"))
        }
        return names
    }
}

extension CalibrationOptions {
    /// `isQuantized`: the network is given quantized, which leaves ranges and dead channels as they
    /// are.
    init(_ configuration: Configuration, isQuantized: Bool) {
        self.init(
            scheme: QuantizationScheme(
                granularity: configuration.weights.granularity == .channel ? .channel : .tensor,
                symmetry: configuration.weights.scheme == .symmetric ? .symmetric : .asymmetric,
                weightBits: configuration.weights.bits,
                weightScale: WeightScaleEstimator(configuration.weights.scale),
                weightStorage: WeightStorage(configuration.weights.type),
                weightSaturation: configuration.weights.saturation == .avoid ? .avoid : .allow,
                activationType: configuration.activations.type == .int8 ? .int8 : .uint8,
                quantizesOutput: configuration.output.quantized),
            range: isQuantized ? .minmax : RangeEstimator(configuration.activations),
            equalization: isQuantized ? nil : EqualizationMethod(configuration.equalization),
            removesDeadChannels: configuration.deadChannels.remove && !isQuantized,
            correction: configuration.method.contains(.ibc)
                ? CorrectionOptions(
                    match: configuration.match == .post ? .post : .pre,
                    iterations: configuration.matchIterations)
                : nil,
            rangeImages: isQuantized ? configuration.ibcImages : configuration.rangeImages,
            correctionImages: configuration.ibcImages,
            shardImages: configuration.shardImages, guardImages: configuration.guardImages,
            tuning: configuration.method.contains(.bft) ? TuningOptions(configuration.bft) : nil,
            tuningShardImages: configuration.bft.shardImages)
    }
}

extension WeightScaleEstimator {
    init(_ choice: WeightScaleChoice) {
        switch choice {
        case .minmax: self = .minmax
        case .mse: self = .mse
        case .outputMSE: self = .outputMSE
        }
    }
}

extension WeightStorage {
    init(_ choice: WeightType) {
        switch choice {
        case .auto: self = .automatic
        case .int8: self = .int8
        case .uint8: self = .uint8
        }
    }
}

extension EqualizationMethod {
    /// Nil for none.
    init?(_ choice: EqualizationChoice) {
        switch choice {
        case .none: return nil
        case .oneStep: self = .oneStep
        case .crossLayer: self = .crossLayer
        case .leastNoise: self = .leastNoise
        }
    }
}

extension RangeEstimator {
    init(_ settings: ActivationSettings) {
        switch settings.range {
        case .minmax: self = .minmax
        case .percentile: self = .percentile(settings.percentile)
        case .mse: self = .mse
        }
    }
}

extension TuningOptions {
    /// Adam's moments as in the paper that names them (arXiv 1412.6980).
    init(_ settings: TuningSettings) {
        let loss: Loss =
            switch settings.loss {
            case .kl: .kl
            case .relativeL2: .relativeL2
            case .crossEntropy: .crossEntropy
            }
        let schedule: Schedule =
            switch settings.schedule {
            case .cosine: .cosine
            case .step: .step(every: settings.stepEpochs, factor: settings.stepFactor)
            case .constant: .constant
            }
        self.init(
            images: settings.images, loss: loss,
            temperature: settings.temperature,
            optimizer: settings.optimizer == .adam
                ? .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
                : .sgd(momentum: settings.momentum),
            learningRate: settings.learningRate,
            schedule: schedule, warmup: .share(settings.warmup), batch: settings.batch,
            epochs: settings.epochs,
            seed: UInt64(settings.seed), validationShare: settings.validation,
            patience: settings.patience, mirrors: settings.mirror)
    }
}
