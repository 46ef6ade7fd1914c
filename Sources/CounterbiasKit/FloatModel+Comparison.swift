// SPDX-License-Identifier: Apache-2.0

import Evaluating
import Logging
import Settings

/// What an 8-bit model's outputs are beside the float model's, over some images.
public struct ModelComparison: Hashable, Sendable {
    /// Compared, at least 1.
    public let images: Int
    /// Signal-to-quantization-noise ratio of the outputs in dB, infinite where they are equal; of
    /// several outputs, the mean of theirs.
    public let sqnr: Double
    /// Share of the images, in [0, 1], on which both have their largest score at the same place;
    /// nil for several outputs.
    public let agreement: Double?
    /// Share of right answers in [0, 1]; nil without labels.
    public let floatTop1: Double?
    /// Share of right answers in [0, 1]; nil without labels.
    public let quantizedTop1: Double?
    /// What to check of the inputs, one sentence each.
    public let warnings: [String]
}

extension FloatModel {
    /// Runs this model and an 8-bit one of it on the same images.
    /// - Parameters:
    ///   - quantized: with inputs and outputs of the same shapes.
    ///   - images: path of a folder of images.
    ///   - configuration: preprocessing, which is that of the 8-bit model where none is given, and
    ///     labels.
    ///   - limit: first images of the sorted folder, at least 1; all unless told.
    ///   - threads: at least 1, which split images. All cores unless told.
    ///   - progress: called on this thread with the images read so far and the number of all.
    /// - Returns: errors over all images.
    /// - Throws: ``CounterbiasError`` for inputs that cannot be used.
    public func compared(
        with quantized: QuantizedModel, on images: String,
        configuration: CalibrationConfiguration, limit: Int? = nil,
        threads: Int? = nil,
        progress: (_ done: Int, _ images: Int) -> Void = { _, _ in }
    ) throws(CounterbiasError) -> ModelComparison {
        let settings = try configuration.resolved(model: path, images: images)
        return try mappingErrors {
            let report = try EvaluationRun(
                configuration: settings, origin: configuration.origin, network: network,
                contents: quantized.contents, quantizedPath: quantized.name, limit: limit,
                threads: threads ?? Self.cores, logger: .silent
            ).run(progress: progress)
            return ModelComparison(
                images: report.images, sqnr: report.sqnr, agreement: report.agreement,
                floatTop1: report.float.top1, quantizedTop1: report.quantized.top1,
                warnings: report.warnings)
        }
    }
}
