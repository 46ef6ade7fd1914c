// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// What fine-tuning did, for the ledger.
package struct TuningSummary: Hashable, Sendable, Codable {
    /// Change of one convolution's biases, over its channels.
    package struct Layer: Hashable, Sendable, Codable {
        /// Root mean square and largest magnitude, in int32 steps of the bias.
        package var rmsSteps: Double
        /// Largest magnitude, in int32 steps of the bias.
        package var maxSteps: Double
        /// The same in steps of the layer's output quantizer.
        package var rmsOutputSteps: Double
        /// Largest magnitude, in steps of the layer's output quantizer.
        package var maxOutputSteps: Double
        /// Channels that were kept within the accumulator's limit at least once.
        package var limitedChannels: [Int]
    }

    /// Images in use, held-out ones included; mirrored ones are not counted.
    package var images: Int
    /// 0 where the loss was measured on the training images.
    package var validationImages: Int
    /// Optimizer steps of an epoch.
    package var stepsPerEpoch: Int
    /// Mean loss per image of every step, before its update.
    package var stepLosses: [Double]
    /// Mean loss per image; element e after epoch e, element 0 before the first. Null where it was
    /// not finite, or where a diverged epoch was given up before its end.
    package var validationLosses: [Double?]
    /// Mean loss per image, measured before the first step.
    package var startLoss: Double
    /// Mean loss per image of the state kept.
    package var bestLoss: Double
    /// Epoch whose state was kept; 0 for the start.
    package var bestEpoch: Int
    /// Epochs that were rolled back or ended it, ascending.
    package var divergedEpochs: [Int]
    /// Why it ended.
    package var ending: TuningEnding
    /// ``TuningOutcome`` in words.
    package var outcome: String
    /// One per convolution, in topological order.
    package var layers: [Layer]

    /// - Parameters:
    ///   - stage: nil comes of one that still runs.
    ///   - start: the biases it started from.
    package init?(_ stage: FineTuning, from start: BiasState) {
        let progress = stage.progress
        guard let outcome = stage.outcome else { return nil }
        images = stage.imageCount
        validationImages = stage.order.validationImages
        stepsPerEpoch = stage.order.stepsPerEpoch
        stepLosses = progress.stepLosses
        validationLosses = progress.validationLosses.map { $0.isFinite ? $0 : nil }
        startLoss = outcome.startLoss
        bestLoss = outcome.bestLoss
        bestEpoch = outcome.bestEpoch
        divergedEpochs = outcome.divergedEpochs
        ending = outcome.ending
        self.outcome = outcome.description
        let limited = progress.limitedChannels.map(stage.masters.place)
        layers = stage.masters.layers.enumerated().map { number, layer in
            Layer(
                layer, from: start.layers[number], to: stage.biases.layers[number],
                limited: limited.filter { $0.layer == number }.map(\.channel))
        }
    }
}

extension TuningSummary.Layer {
    fileprivate init(_ layer: TuningLayer, from: [Int32], to: [Int32], limited: [Int]) {
        let steps = zip(from, to).map { Double(Int64($1) - Int64($0)) }
        let outputSteps = zip(steps, layer.steps).map { $0 * $1 / layer.unit }
        func rms(_ values: [Double]) -> Double {
            let sum = values.reduce(0) { $0 + $1 * $1 }
            return values.isEmpty ? 0 : (sum / Double(values.count)).squareRoot()
        }
        rmsSteps = rms(steps)
        maxSteps = steps.reduce(0) { max($0, abs($1)) }
        rmsOutputSteps = rms(outputSteps)
        maxOutputSteps = outputSteps.reduce(0) { max($0, abs($1)) }
        limitedChannels = limited
    }
}
