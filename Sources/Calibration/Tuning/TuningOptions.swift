// SPDX-License-Identifier: Apache-2.0

/// Settings of bias fine-tuning (BFT, arXiv 1906.03193): everything that decides its bits besides
/// network, images and start.
package struct TuningOptions: Hashable, Sendable, Codable {
    /// What an image's logits are compared by; see ``TuningLoss``.
    package enum Loss: String, Hashable, Sendable, Codable, CaseIterable {
        /// Kullback-Leibler divergence from the float network's softmax.
        case kl
        /// Squared distance to the float network's logits, relative to their own square.
        case relativeL2 = "relative-l2"
        /// Cross-entropy with a label.
        case crossEntropy = "cross-entropy"

        /// Whether the target is the float network's logits, which a first round collects.
        package var usesTeacher: Bool { self != .crossEntropy }
    }

    /// Update rule of the biases, with PyTorch's arithmetic.
    package enum Optimizer: Hashable, Sendable, Codable {
        /// Betas in [0, 1), epsilon above 0.
        case adam(beta1: Double, beta2: Double, epsilon: Double)
        /// Momentum in [0, 1).
        case sgd(momentum: Double)
    }

    /// What the learning rate does behind the warm-up; see ``LearningRateSchedule``. `cosine` falls
    /// along half a wave, towards 0 behind the last step.
    package enum Schedule: Hashable, Sendable, Codable {
        case constant
        /// Times `factor`, in (0, 1], after every `every` epochs, at least 1.
        case step(every: Int, factor: Double)
        case cosine
    }

    /// Length of the linear rise at the start.
    package enum Warmup: Hashable, Sendable, Codable {
        /// At least 0.
        case steps(Int)
        /// Share of all steps, in [0, 1).
        case share(Double)
    }

    /// Images of the pool that are used, the first ones; at least 1.
    package var images: Int
    /// Whether every image is also used mirrored left to right, as an image of its own: twice the
    /// images to learn from, at twice the time of an epoch.
    package var mirrors: Bool
    /// What is minimized.
    package var loss: Loss
    /// Divides logits under ``Loss/kl``; above 0.
    package var temperature: Double
    /// Update rule of the master biases.
    package var optimizer: Optimizer
    /// Above 0, in units of ``TuningLayer/unit``.
    package var learningRate: Double
    /// Of the learning rate.
    package var schedule: Schedule
    /// In steps, in front of the schedule.
    package var warmup: Warmup
    /// Images per step, at least 1; a step takes whole shards, at least one.
    package var batch: Int
    /// At least 1.
    package var epochs: Int
    /// Decides which images are held out, the groups and their order.
    package var seed: UInt64
    /// Share of the images that are held out to choose the best state, in [0, 1).
    package var validationShare: Double
    /// Epochs without improvement after which tuning stops; 0 never stops early.
    package var patience: Int

    /// Memberwise; ``validate()`` checks the ranges.
    package init(
        images: Int, loss: Loss, temperature: Double, optimizer: Optimizer, learningRate: Double,
        schedule: Schedule, warmup: Warmup, batch: Int, epochs: Int, seed: UInt64,
        validationShare: Double = 0.1, patience: Int = 0, mirrors: Bool = false
    ) {
        self.images = images
        self.mirrors = mirrors
        self.loss = loss
        self.temperature = temperature
        self.optimizer = optimizer
        self.learningRate = learningRate
        self.schedule = schedule
        self.warmup = warmup
        self.batch = batch
        self.epochs = epochs
        self.seed = seed
        self.validationShare = validationShare
        self.patience = patience
    }
}
