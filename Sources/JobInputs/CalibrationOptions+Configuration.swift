// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Quantization
package import Settings

extension CalibrationOptions {
    /// - Parameters:
    ///   - configuration: validated.
    ///   - isQuantized: the network is given quantized, which leaves ranges and dead channels as
    ///     they are.
    package init(_ configuration: Configuration, isQuantized: Bool) {
        self.init(
            scheme: QuantizationScheme(
                granularity: configuration.weights.granularity,
                symmetry: configuration.weights.scheme,
                weightBits: configuration.weights.bits,
                weightScale: configuration.weights.scale,
                weightStorage: configuration.weights.type,
                weightSaturation: configuration.weights.saturation,
                activationType: configuration.activations.type,
                quantizesOutput: configuration.output.quantized),
            range: isQuantized ? .minmax : RangeEstimator(configuration.activations),
            equalization: isQuantized ? nil : configuration.equalization.method,
            removesDeadChannels: configuration.deadChannels.remove && !isQuantized,
            correction: configuration.method.contains(.ibc)
                ? CorrectionOptions(
                    match: configuration.match, iterations: configuration.matchIterations)
                : nil,
            rangeImages: isQuantized ? configuration.ibcImages : configuration.rangeImages,
            correctionImages: configuration.ibcImages,
            shardImages: configuration.shardImages, guardImages: configuration.guardImages,
            tuning: configuration.method.contains(.bft) ? TuningOptions(configuration.bft) : nil,
            tuningShardImages: configuration.bft.shardImages)
    }
}

extension RangeEstimator {
    fileprivate init(_ settings: ActivationSettings) {
        switch settings.range {
        case .minmax: self = .minmax
        case .percentile: self = .percentile(settings.percentile)
        case .mse: self = .mse
        }
    }
}

extension TuningOptions {
    /// Adam's moments as in the paper that names them (arXiv 1412.6980).
    fileprivate init(_ settings: TuningSettings) {
        let schedule: Schedule =
            switch settings.schedule {
            case .cosine: .cosine
            case .step: .step(every: settings.stepEpochs, factor: settings.stepFactor)
            case .constant: .constant
            }
        self.init(
            images: settings.images, loss: settings.loss,
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
