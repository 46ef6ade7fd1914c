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
        let (mine, theirs) = (options, other.options)
        if mine.scheme != theirs.scheme { names.append("the quantization scheme") }
        if mine.removesDeadChannels != theirs.removesDeadChannels { names.append("dead_channels") }
        if mine.correction != theirs.correction { names.append("method or match") }
        if mine.rangeImages != theirs.rangeImages { names.append("range_images") }
        if mine.correctionImages != theirs.correctionImages { names.append("ibc_images") }
        if mine.shardImages != theirs.shardImages { names.append("shard_images") }
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
            shardImages: configuration.shardImages)
    }
}
