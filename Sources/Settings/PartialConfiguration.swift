// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Imaging
package import Quantization

/// What a user wrote, in a file or as flags: any key may be absent.
///
/// For the meaning of each value see `Configuration`.
package struct PartialConfiguration: Equatable, Sendable {
    /// `model`: ``Configuration/model``.
    package var model: String?
    /// `quantized`: ``Configuration/quantized``.
    package var quantized: String?
    /// `input_shape`: ``Configuration/inputShape``.
    package var inputShape: InputShapes?
    /// `images`: ``Configuration/images``.
    package var images: String?
    /// `out`: ``Configuration/out``.
    package var out: String?
    /// `method`: ``Configuration/method``.
    package var method: CorrectionMethods?
    /// `limit`: ``Configuration/limit``.
    package var limit: Int?
    /// `range_images`: ``Configuration/rangeImages``.
    package var rangeImages: Int?
    /// `ibc_images`: ``Configuration/ibcImages``.
    package var ibcImages: Int?
    /// `shard_images`: ``Configuration/shardImages``.
    package var shardImages: Int?
    /// `guard_images`: ``Configuration/guardImages``.
    package var guardImages: Int?
    /// `weights.granularity`: ``WeightSettings/granularity``.
    package var weightGranularity: Granularity?
    /// `weights.scheme`: ``WeightSettings/scheme``.
    package var weightScheme: WeightSymmetry?
    /// `weights.bits`: ``WeightSettings/bits``.
    package var weightBits: Int?
    /// `weights.scale`: ``WeightSettings/scale``.
    package var weightScale: WeightScaleEstimator?
    /// `weights.type`: ``WeightSettings/type``.
    package var weightType: WeightStorage?
    /// `weights.saturation`: ``WeightSettings/saturation``.
    package var weightSaturation: WeightSaturation?
    /// `activations.type`: ``ActivationSettings/type``.
    package var activationType: IntegerType?
    /// `activations.range`: ``ActivationSettings/range``.
    package var activationRange: RangeChoice?
    /// `activations.percentile`: ``ActivationSettings/percentile``.
    package var activationPercentile: Double?
    /// `output.quantized`: ``OutputSettings/quantized``.
    package var outputQuantized: Bool?
    /// `dead_channels.remove`: ``DeadChannelSettings/remove``.
    package var removeDeadChannels: Bool?
    /// `equalization`: ``Configuration/equalization``.
    package var equalization: EqualizationChoice?
    /// `match`: ``Configuration/match``.
    package var match: Match?
    /// `match_iterations`: ``Configuration/matchIterations``.
    package var matchIterations: Int?
    /// `bft.images`: ``TuningSettings/images``.
    package var bftImages: Int?
    /// `bft.mirror`: ``TuningSettings/mirror``.
    package var bftMirror: Bool?
    /// `bft.epochs`: ``TuningSettings/epochs``.
    package var bftEpochs: Int?
    /// `bft.batch`: ``TuningSettings/batch``.
    package var bftBatch: Int?
    /// `bft.shard_images`: ``TuningSettings/shardImages``.
    package var bftShardImages: Int?
    /// `bft.learning_rate`: ``TuningSettings/learningRate``.
    package var bftLearningRate: Double?
    /// `bft.optimizer`: ``TuningSettings/optimizer``.
    package var bftOptimizer: OptimizerKind?
    /// `bft.momentum`: ``TuningSettings/momentum``.
    package var bftMomentum: Double?
    /// `bft.schedule`: ``TuningSettings/schedule``.
    package var bftSchedule: ScheduleKind?
    /// `bft.step_epochs`: ``TuningSettings/stepEpochs``.
    package var bftStepEpochs: Int?
    /// `bft.step_factor`: ``TuningSettings/stepFactor``.
    package var bftStepFactor: Double?
    /// `bft.warmup`: ``TuningSettings/warmup``.
    package var bftWarmup: Double?
    /// `bft.loss`: ``TuningSettings/loss``.
    package var bftLoss: TuningOptions.Loss?
    /// `bft.temperature`: ``TuningSettings/temperature``.
    package var bftTemperature: Double?
    /// `bft.validation`: ``TuningSettings/validation``.
    package var bftValidation: Double?
    /// `bft.patience`: ``TuningSettings/patience``.
    package var bftPatience: Int?
    /// `bft.seed`: ``TuningSettings/seed``.
    package var bftSeed: Int?
    /// `preprocessing.resize_short_side`: ``PreprocessingSettings/resizeShortSide``.
    package var resizeShortSide: ResizeShortSide?
    /// `preprocessing.crop`: ``PreprocessingSettings/crop``.
    package var crop: Crop?
    /// `preprocessing.geometry`: ``PreprocessingSettings/geometry``.
    package var geometry: ResizeGeometry?
    /// `preprocessing.interpolation`: ``PreprocessingSettings/interpolation``.
    package var interpolation: Interpolation?
    /// `preprocessing.channel_order`: ``PreprocessingSettings/channelOrder``.
    package var channelOrder: ChannelOrder?
    /// `preprocessing.mean`: ``PreprocessingSettings/mean``.
    package var mean: [Double]?
    /// `preprocessing.std`: ``PreprocessingSettings/std``.
    package var std: [Double]?
    /// `preprocessing.exif_orientation`: ``PreprocessingSettings/exifOrientation``.
    package var exifOrientation: ExifOrientation?
    /// `labels.file`: ``LabelSettings/file``.
    package var labelsFile: String?
    /// `labels.offset`: ``LabelSettings/offset``.
    package var labelsOffset: Int?
    /// `cluster.workers`: ``ClusterSettings/workers``.
    package var workers: Int?
    /// `cluster.threads`: ``ClusterSettings/threads``.
    package var threads: Int?
    /// `cluster.listen`: ``ClusterSettings/listen``.
    package var listen: String?
    /// `cluster.lease_seconds`: ``ClusterSettings/leaseSeconds``.
    package var leaseSeconds: Double?
    /// `cluster.shard_lease_seconds`: ``ClusterSettings/shardLeaseSeconds``.
    package var shardLeaseSeconds: Double?
    /// `cluster.audit`: ``ClusterSettings/audit``.
    package var audit: Double?
    /// `skip_bad_images`: ``Configuration/skipBadImages``.
    package var skipBadImages: Bool?

    /// Nothing given.
    package init() {}

    /// This configuration with the values that `flags` gives in place of its own.
    package func merging(flags: PartialConfiguration) -> PartialConfiguration {
        var merged = self
        for field in Schema.fields { field.merge(flags, &merged) }
        return merged
    }
}

extension PartialConfiguration {
    /// Every default that depends on nothing else; those of fine-tuning that do: ``fillTuning()``.
    /// Keys in neither have none.
    package static let defaults: PartialConfiguration = {
        var defaults = PartialConfiguration()
        defaults.method = CorrectionMethods("ibc")
        defaults.rangeImages = 64
        defaults.ibcImages = 64
        defaults.shardImages = 2
        defaults.weightGranularity = .channel
        defaults.weightScheme = .symmetric
        defaults.weightBits = 8
        defaults.weightScale = .minmax
        defaults.weightType = .automatic
        defaults.weightSaturation = .avoid
        defaults.activationType = .uint8
        defaults.activationRange = .minmax
        defaults.activationPercentile = 99.99
        defaults.outputQuantized = true
        defaults.removeDeadChannels = true
        defaults.equalization = EqualizationChoice(nil)
        defaults.match = .post
        defaults.matchIterations = 3
        defaults.bftImages = 1000
        defaults.bftMirror = true
        defaults.bftBatch = 8
        defaults.bftShardImages = 2
        defaults.bftOptimizer = .adam
        defaults.bftMomentum = 0.9
        defaults.bftSchedule = .cosine
        defaults.bftStepEpochs = 1
        defaults.bftStepFactor = 0.1
        defaults.bftWarmup = 0.1
        defaults.bftLoss = .kl
        defaults.bftTemperature = 6
        defaults.bftValidation = 0.1
        defaults.bftPatience = 0
        defaults.bftSeed = 1
        defaults.resizeShortSide = .derived
        defaults.crop = .modelInput
        defaults.geometry = .torchvision
        defaults.interpolation = .bilinear
        defaults.channelOrder = .rgb
        defaults.mean = [127.5]
        defaults.std = [127.5]
        defaults.exifOrientation = .ignore
        defaults.labelsOffset = 0
        defaults.workers = 2
        defaults.threads = 1
        defaults.leaseSeconds = 2.5
        defaults.shardLeaseSeconds = 60
        defaults.audit = 0
        defaults.skipBadImages = false
        return defaults
    }()

    /// Defaults that depend on how far fine-tuning has to go.
    ///
    /// After IBC biases are nearly right, and few small steps are best. Without it they have to
    /// move by many output steps, most of all where one scale serves a whole tensor
    /// (`docs/fine-tuning.md`).
    mutating func fillTuning() {
        if method?.list == [.bft] {
            bftEpochs = bftEpochs ?? 6
            bftLearningRate = bftLearningRate ?? (weightGranularity == .channel ? 0.1 : 0.3)
        } else {
            bftEpochs = bftEpochs ?? 2
            bftLearningRate = bftLearningRate ?? 0.012
        }
    }
}
