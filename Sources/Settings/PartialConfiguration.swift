// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Imaging
package import Quantization

/// What a user wrote, in a file or as flags: any key may be absent.
///
/// For the meaning of each value see `Configuration`.
package struct PartialConfiguration: Equatable, Sendable {
    package var model: String?
    package var quantized: String?
    package var images: String?
    package var out: String?
    package var method: CorrectionMethods?
    package var limit: Int?
    package var rangeImages: Int?
    package var ibcImages: Int?
    package var shardImages: Int?
    package var guardImages: Int?
    package var weightGranularity: Granularity?
    package var weightScheme: WeightSymmetry?
    package var weightBits: Int?
    package var weightScale: WeightScaleEstimator?
    package var weightType: WeightStorage?
    package var weightSaturation: WeightSaturation?
    package var activationType: IntegerType?
    package var activationRange: RangeChoice?
    package var activationPercentile: Double?
    package var outputQuantized: Bool?
    package var removeDeadChannels: Bool?
    package var equalization: EqualizationChoice?
    package var match: Match?
    package var matchIterations: Int?
    package var bftImages: Int?
    package var bftMirror: Bool?
    package var bftEpochs: Int?
    package var bftBatch: Int?
    package var bftShardImages: Int?
    package var bftLearningRate: Double?
    package var bftOptimizer: OptimizerKind?
    package var bftMomentum: Double?
    package var bftSchedule: ScheduleKind?
    package var bftStepEpochs: Int?
    package var bftStepFactor: Double?
    package var bftWarmup: Double?
    package var bftLoss: TuningOptions.Loss?
    package var bftTemperature: Double?
    package var bftValidation: Double?
    package var bftPatience: Int?
    package var bftSeed: Int?
    package var resizeShortSide: ResizeShortSide?
    package var crop: Crop?
    package var geometry: ResizeGeometry?
    package var interpolation: Interpolation?
    package var channelOrder: ChannelOrder?
    package var mean: [Double]?
    package var std: [Double]?
    package var exifOrientation: ExifOrientation?
    package var labelsFile: String?
    package var labelsOffset: Int?
    package var workers: Int?
    package var threads: Int?
    package var listen: String?
    package var leaseSeconds: Double?
    package var shardLeaseSeconds: Double?
    package var audit: Double?
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
