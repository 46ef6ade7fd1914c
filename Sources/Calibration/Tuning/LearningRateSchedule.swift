// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Learning rate of every step: a linear rise over the warm-up, then the schedule from its start.
///
/// The same as PyTorch's `SequentialLR` of `LinearLR(start_factor=1/(w+1), total_iters=w)` and
/// `ConstantLR(factor=1)`, `StepLR` (stepped once per epoch) or `CosineAnnealingLR(T_max=total-w)`,
/// with `w` the steps of warm-up.
package struct LearningRateSchedule: Hashable, Sendable {
    /// Behind the warm-up, before the schedule lowers it; above 0.
    package var learningRate: Double
    /// What follows the warm-up.
    package var schedule: TuningOptions.Schedule
    /// Length of the rise.
    package var warmup: TuningOptions.Warmup

    /// Memberwise; `TuningOptions.validate` checks the ranges.
    package init(
        learningRate: Double, schedule: TuningOptions.Schedule, warmup: TuningOptions.Warmup
    ) {
        self.learningRate = learningRate
        self.schedule = schedule
        self.warmup = warmup
    }

    /// That of these options.
    package init(_ options: TuningOptions) {
        self.init(
            learningRate: options.learningRate, schedule: options.schedule, warmup: options.warmup)
    }

    /// - Parameters:
    ///   - step: counts from 0 over all epochs; below `totalSteps`.
    ///   - stepsPerEpoch: at least 1.
    ///   - totalSteps: at least 1.
    /// - Returns: above 0.
    package func rate(step: Int, stepsPerEpoch: Int, totalSteps: Int) -> Double {
        let rise = warmupSteps(totalSteps: totalSteps)
        if step < rise { return learningRate * (Double(step + 1) / Double(rise + 1)) }
        switch schedule {
        case .constant:
            return learningRate
        case .step(let every, let factor):
            let drops = (step - rise) / stepsPerEpoch / every
            return learningRate * Transcendental.power(factor, drops)
        case .cosine:
            let share = Double(step - rise) / Double(totalSteps - rise)
            return learningRate * (0.5 * (1 + Transcendental.cos(Double.pi * share)))
        }
    }

    /// Steps of warm-up, at most all.
    package func warmupSteps(totalSteps: Int) -> Int {
        switch warmup {
        case .steps(let steps): min(steps, totalSteps)
        case .share(let share): Int((share * Double(totalSteps)).rounded())
        }
    }
}
