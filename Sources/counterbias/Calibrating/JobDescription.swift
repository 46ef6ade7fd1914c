import Calibration
import Foundation
import Quantization
import Settings
import Storage

/// Everything that decides a job's bits; its digest names the job.
struct JobDescription: Codable, Hashable {
    /// Digest of the folded float network with its pixel encoding.
    var network: Digest
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

    /// What differs from another job, in the user's words; empty if nothing does.
    func differences(from other: JobDescription) -> [String] {
        var names: [String] = []
        if network != other.network { names.append("the model or its preprocessing") }
        if imageCount != other.imageCount {
            names.append("the number of images (\(other.imageCount) then, \(imageCount) now)")
        } else if images != other.images {
            names.append("the images")
        }
        if labels != other.labels { names.append("labels") }
        let (mine, theirs) = (options, other.options)
        if mine.scheme != theirs.scheme { names.append("the quantization scheme") }
        if mine.removesDeadChannels != theirs.removesDeadChannels { names.append("dead_channels") }
        if mine.correction != theirs.correction { names.append("method or match") }
        if mine.rangeImages != theirs.rangeImages { names.append("range_images") }
        if mine.correctionImages != theirs.correctionImages { names.append("ibc_images") }
        if mine.shardImages != theirs.shardImages { names.append("shard_images") }
        if mine.tuning != theirs.tuning || mine.tuningShardImages != theirs.tuningShardImages {
            names.append("method or bft")
        }
        return names
    }
}

extension CalibrationOptions {
    init(_ configuration: Configuration) {
        self.init(
            scheme: QuantizationScheme(
                granularity: configuration.weights.granularity == .channel ? .channel : .tensor,
                symmetry: configuration.weights.scheme == .symmetric ? .symmetric : .asymmetric,
                weightBits: configuration.weights.bits,
                activationType: configuration.activations.type == .int8 ? .int8 : .uint8,
                quantizesOutput: configuration.output.quantized),
            removesDeadChannels: configuration.deadChannels.remove,
            correction: configuration.method.contains(.ibc)
                ? CorrectionOptions(
                    match: configuration.match == .post ? .post : .pre,
                    iterations: configuration.matchIterations,
                    tolerance: configuration.matchTolerance)
                : nil,
            rangeImages: configuration.rangeImages, correctionImages: configuration.ibcImages,
            shardImages: configuration.shardImages,
            tuning: configuration.method.contains(.bft) ? TuningOptions(configuration.bft) : nil,
            tuningShardImages: configuration.bft.shardImages)
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
