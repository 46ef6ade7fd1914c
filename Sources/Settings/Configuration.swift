// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Imaging
package import Quantization

/// What a run does, every default filled in and every value validated.
///
/// Relative paths are relative to the current directory, wherever they were written. Made by
/// `PartialConfiguration.resolved(requiringOut:)`; keys in JSON are those of the YAML file.
package struct Configuration: Codable, Equatable, Sendable {
    /// Path of the float network.
    package var model: String
    /// Path of an 8-bit model of it whose biases are corrected; nil quantizes `model`.
    package var quantized: String?
    /// Extents of the model's inputs where its file leaves them open; nil where it does not.
    package var inputShape: InputShapes?
    /// Directory of the images.
    package var images: String
    /// Directory of the results; nil for commands that write none.
    package var out: String?
    /// Corrections to run, in order.
    package var method: CorrectionMethods
    /// How many of the sorted images are used, at least 1; nil for all.
    package var limit: Int?
    /// Images from which activation ranges are taken, at least 1; fewer if the pool is smaller.
    package var rangeImages: Int
    /// Images for IBC, at least 1; fewer if the pool is smaller.
    package var ibcImages: Int
    /// Images in a shard, at least 1.
    package var shardImages: Int
    /// Images held out of all corrections to judge them, at least 1; nil judges none.
    package var guardImages: Int?
    /// Of convolutions and matrix products.
    package var weights: WeightSettings
    /// Of all values between nodes.
    package var activations: ActivationSettings
    /// What the network returns.
    package var output: OutputSettings
    /// What constant channels become before quantization.
    package var deadChannels: DeadChannelSettings
    /// How channels are rescaled before quantization; `none` leaves them.
    package var equalization: EqualizationChoice
    /// Where IBC compares channel means: in front of the activation or behind it.
    package var match: Match
    /// Steps that a layer's correction stands for with `match: post`, in `[1, 100]`.
    package var matchIterations: Int
    /// Fine-tuning; without effect unless `method` asks for it.
    package var bft: TuningSettings
    /// From an image file to the network's input; arrays are taken as they are unless they are
    /// uint8.
    package var preprocessing: PreprocessingSettings
    /// Right classes of the images.
    package var labels: LabelSettings
    /// Processes, threads and leases.
    package var cluster: ClusterSettings
    /// Leave out images that cannot be read, instead of stopping.
    package var skipBadImages: Bool

    enum CodingKeys: String, CodingKey {
        case model, quantized
        case inputShape = "input_shape"
        case images, out, method, limit
        case rangeImages = "range_images"
        case ibcImages = "ibc_images"
        case shardImages = "shard_images"
        case guardImages = "guard_images"
        case weights, activations, output
        case deadChannels = "dead_channels"
        case equalization, match
        case matchIterations = "match_iterations"
        case bft, preprocessing, labels, cluster
        case skipBadImages = "skip_bad_images"
    }

    /// The directory of the results.
    /// - Throws: `SettingsError` with code `missing` if none was given.
    package func outDirectory() throws(SettingsError) -> String {
        guard let out else { throw SettingsError(.missing, key: "out") }
        return out
    }
}

/// How weights are quantized.
package struct WeightSettings: Codable, Hashable, Sendable {
    /// Whether a layer has one scale, or one per output channel.
    package var granularity: Granularity
    /// Whether zero points other than the middle are used.
    package var scheme: WeightSymmetry
    /// Bits per weight, in `[4, 8]`.
    package var bits: Int
    /// How a scale follows from the weights.
    package var scale: WeightScaleEstimator
    /// Of symmetric weights.
    package var type: WeightStorage
    /// What is done about pairs of products that leave 16 bits on x86 without VNNI.
    package var saturation: WeightSaturation
}

/// How activations are quantized.
package struct ActivationSettings: Codable, Hashable, Sendable {
    /// Stored type; asymmetric in either case.
    package var type: IntegerType
    /// How ranges follow from the float network's values.
    package var range: RangeChoice
    /// Of `range: percentile`, above 50, at most 100.
    package var percentile: Double
}

/// What the quantized network returns.
package struct OutputSettings: Codable, Hashable, Sendable {
    /// Whether the logits are quantized, as runtimes do, or stay float.
    package var quantized: Bool
}

/// What is done about channels that do not vary over the calibration images.
package struct DeadChannelSettings: Codable, Hashable, Sendable {
    /// Whether those that set their layer's weight scale are taken out.
    package var remove: Bool
}

/// Bias fine-tuning.
package struct TuningSettings: Codable, Hashable, Sendable {
    /// Images of the pool, the first ones, at least 1; fewer if the pool is smaller.
    package var images: Int
    /// Whether every image is also used mirrored left to right.
    package var mirror: Bool
    /// Passes over the training images, at least 1.
    package var epochs: Int
    /// Images per step, at least 1.
    package var batch: Int
    /// Images in a shard, at least 1; a step takes whole shards.
    package var shardImages: Int
    /// Above 0, in output steps of a layer.
    package var learningRate: Double
    /// Update rule of the biases.
    package var optimizer: OptimizerKind
    /// Of `sgd`, in `[0, 1)`.
    package var momentum: Double
    /// Of the learning rate, behind the warm-up.
    package var schedule: ScheduleKind
    /// Epochs between two reductions with `schedule: step`.
    package var stepEpochs: Int
    /// What the rate is multiplied by with `schedule: step`, in `(0, 1]`.
    package var stepFactor: Double
    /// Share of all steps with a rising rate, in `[0, 1)`.
    package var warmup: Double
    /// What the network's logits are compared by.
    package var loss: TuningOptions.Loss
    /// Of `loss: kl`, above 0.
    package var temperature: Double
    /// Share of the images held out to choose the best state, in `[0, 1)`.
    package var validation: Double
    /// Epochs without improvement before stopping; 0 never stops early.
    package var patience: Int
    /// Decides split and order of the images; in `[0, 2^31)`.
    package var seed: Int

    enum CodingKeys: String, CodingKey {
        case images, mirror, epochs, batch
        case shardImages = "shard_images"
        case learningRate = "learning_rate"
        case optimizer, momentum, schedule
        case stepEpochs = "step_epochs"
        case stepFactor = "step_factor"
        case warmup, loss, temperature, validation, patience, seed
    }
}

/// From an image file to the model's input.
package struct PreprocessingSettings: Codable, Hashable, Sendable {
    /// Extent of the shorter side before the crop.
    package var resizeShortSide: ResizeShortSide
    /// Extent of the centre crop.
    package var crop: Crop
    /// How extents and offsets are rounded.
    package var geometry: ResizeGeometry
    /// Filter of the resizing; antialiased when it shrinks.
    package var interpolation: Interpolation
    /// Of the network's input.
    package var channelOrder: ChannelOrder
    /// Subtracted from pixel values in `[0, 255]`; one for all channels or one per channel, in
    /// `channelOrder`.
    package var mean: [Double]
    /// What the difference is divided by, positive; as many as of `mean` or not.
    package var std: [Double]
    /// What is done about orientation tags.
    package var exifOrientation: ExifOrientation

    enum CodingKeys: String, CodingKey {
        case resizeShortSide = "resize_short_side"
        case crop, geometry, interpolation
        case channelOrder = "channel_order"
        case mean, std
        case exifOrientation = "exif_orientation"
    }
}

/// Known classes of the images, for evaluation.
package struct LabelSettings: Codable, Hashable, Sendable {
    /// Path of the table; nil if there is none.
    package var file: String?
    /// Added to a label to give the index of its logit: 1 for models with a background class.
    package var offset: Int
}

/// Processes and threads. Never decides the result.
package struct ClusterSettings: Codable, Hashable, Sendable {
    /// Local worker processes, at least 1; without effect on `coordinator`.
    package var workers: Int
    /// Threads of each worker, at least 1.
    package var threads: Int
    /// Endpoint to bind; nil for local workers over a private socket.
    package var listen: String?
    /// Seconds of silence after which a worker's shards are given to others, in `[0.1, 3600]`.
    package var leaseSeconds: Double
    /// Seconds without a finished shard after which a worker that is not silent loses its shards
    /// too, in `[1, 86400]`.
    package var shardLeaseSeconds: Double
    /// Share of the shards that a second worker computes again, in `[0, 1]`.
    package var audit: Double

    enum CodingKeys: String, CodingKey {
        case workers, threads, listen
        case leaseSeconds = "lease_seconds"
        case shardLeaseSeconds = "shard_lease_seconds"
        case audit
    }
}
