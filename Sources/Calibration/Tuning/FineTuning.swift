// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// Bias fine-tuning (BFT, arXiv 1906.03193) as a value: emits rounds, consumes their results, knows
/// nothing of workers.
///
/// Teacher logits → loss at the start → per epoch: one round per step, then the loss of the state
/// reached. The loss is measured on held-out images, or on all images where none are held out. The
/// state with the least loss is the result; if none is below the start's, the start is.
///
/// An epoch has diverged when the loss measured after it, or its running training loss, is above
/// ``divergenceFactor`` times the start's plus ``divergenceMargin``, or when a loss or a moment is
/// not finite. Then tuning goes on from the best state with a tenth of the learning rate and fresh
/// moments, at most ``rollbackLimit`` times. The running loss counts once it covers as many images
/// as the measurement, and is compared with the larger of the start's loss and that of the first
/// step, which saw the start too.
///
/// The state between rounds is ``progress``; one rebuilt from it goes on with the same bits.
package struct FineTuning: Sendable {
    /// Times its reference, above which a loss has diverged.
    package static let divergenceFactor = 4.0
    /// Keeps a start with next to no loss from counting as divergence at the first step.
    package static let divergenceMargin = 1e-4
    /// An epoch that diverges after so many rollbacks ends fine-tuning.
    package static let rollbackLimit = 2
    /// What a rollback multiplies the learning rate by.
    package static let rollbackRate = 0.1

    /// Checked; `images` may be more than ``imageCount``.
    package let options: TuningOptions
    /// Batches and held-out images; follows from the options and the number of images.
    package let order: DataOrder
    /// From the optimizer's parameters to int32 biases.
    package let masters: MasterBiases
    /// The state between rounds, for a checkpoint.
    package internal(set) var progress: TuningProgress
    /// Images in use; ``order`` counts mirrored ones besides.
    package let imageCount: Int

    /// - Parameters:
    ///   - options: checked here.
    ///   - layers: one per convolution, in topological order.
    ///   - start: biases to start from.
    ///   - imageCount: images in the pool; the first `options.images` of them are used.
    ///   - groupImages: images per shard, at least 1.
    ///   - progress: from a checkpoint of the same stage.
    /// - Throws: ``TuningError`` with code `option`; ``CalibrationError`` with code `noImages`, or
    ///   `checkpointMismatch` for a start or a checkpoint that does not fit.
    package init(
        options: TuningOptions, layers: [TuningLayer], start: BiasState, imageCount: Int,
        groupImages: Int, resuming progress: TuningProgress? = nil
    ) throws {
        try options.validate()
        guard imageCount > 0 else { throw CalibrationError(.noImages) }
        self.options = options
        self.imageCount = min(options.images, imageCount)
        masters = MasterBiases(layers: layers)
        order = DataOrder(
            images: self.imageCount, seed: options.seed, validationShare: options.validationShare,
            groupImages: groupImages, batch: options.batch, mirrors: options.mirrors)
        guard masters.fits(start) else {
            throw CalibrationError(.checkpointMismatch(field: "biases"))
        }
        self.progress =
            progress
            ?? TuningProgress(
                phase: options.loss.usesTeacher ? .teacher : .validating(epoch: 0),
                optimizer: options.optimizer.initialState(parameters: masters.count),
                masters: masters.values(of: start), biases: start, best: start)
        try checkProgress()
    }

    /// The round to run next; nil when fine-tuning is finished.
    package var nextRound: RoundRequest? {
        let loss = TuningLoss(options.loss, temperature: options.temperature)
        return switch progress.phase {
        case .teacher:
            RoundRequest(.teacher, groups: order.validation + order.training)
        case .validating:
            RoundRequest(.loss(loss), groups: measured)
        case .stepping(let epoch, let batch):
            RoundRequest(.gradient(loss), groups: order.batches(epoch: epoch)[batch])
        case .finished:
            nil
        }
    }

    /// Positions in ``order``: every image, and every image mirrored.
    package var positionCount: Int { options.mirrors ? 2 * imageCount : imageCount }

    /// The biases ``nextRound`` runs with; the result once finished.
    package var biases: BiasState { progress.biases }

    /// Nil while fine-tuning runs.
    package var outcome: TuningOutcome? { TuningOutcome(progress) }

    /// Learning rate of ``nextRound``; nil unless it is a gradient round.
    package var learningRate: Double? {
        guard case .stepping(let epoch, let batch) = progress.phase else { return nil }
        let scheduled = LearningRateSchedule(options).rate(
            step: (epoch - 1) * order.stepsPerEpoch + batch, stepsPerEpoch: order.stepsPerEpoch,
            totalSteps: options.epochs * order.stepsPerEpoch)
        return scheduled * progress.rateScale
    }

    /// Rounds fine-tuning takes at most, for progress displays.
    package var roundLimit: Int {
        (options.loss.usesTeacher ? 2 : 1) + options.epochs * (order.stepsPerEpoch + 1)
    }

    /// Consumes the results of ``nextRound``, in shard order.
    /// - Throws: ``TuningError`` with code `notFinite` or `shardImages`; nothing has changed then.
    package mutating func complete(_ results: TuningResults) throws(TuningError) {
        switch (progress.phase, results) {
        case (.teacher, .teacher):
            progress.phase = .validating(epoch: 0)
        case (.validating(let epoch), .losses(let sums)):
            progress = try measured(sums, epoch: epoch)
        case (.stepping(let epoch, let batch), .gradients(let sums)):
            progress = try stepped(sums, epoch: epoch, batch: batch)
        default:
            preconditionFailure("no such round is open")
        }
    }

    /// The shards the loss is measured on.
    var measured: [[Int]] { order.validation.isEmpty ? order.training : order.validation }

    var measuredImages: Int {
        order.validation.isEmpty ? order.trainingImages : order.validationImages
    }

    func checkImages(_ found: Int, shard: Int, of group: [Int]) throws(TuningError) {
        guard found == group.count else {
            throw TuningError(.shardImages(shard: shard, expected: group.count, found: found))
        }
    }
}

/// Results of a round's shards, in shard order.
package enum TuningResults: Hashable, Sendable {
    /// The logits themselves are kept by the caller.
    case teacher
    /// Of a round that measures the loss.
    case losses([LossSums])
    /// Of a step.
    case gradients([GradientSums])
}
