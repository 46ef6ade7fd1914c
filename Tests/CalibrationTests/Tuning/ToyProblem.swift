// SPDX-License-Identifier: Apache-2.0

import Quantization
import TestSupport

@testable import Calibration

/// Stands in for networks, images and workers: image i costs `Σ curvature/2 · (bias - goal_i)²`
/// over all channels, plus a constant.
struct ToyProblem {
    var layers = [
        TuningLayer(
            steps: [1e-4, 2e-4, 5e-5], limits: [Int64](repeating: 1 << 30, count: 3), unit: 0.5),
        TuningLayer(
            steps: [1e-5, 3e-4], limits: [Int64](repeating: 1 << 30, count: 2), unit: 2),
    ]
    var start = BiasState(layers: [[100, 0, -50], [7, 0]])
    var curvature = 1.0
    var constant = 0.1
    /// Per image and flat channel.
    var goals: [[Double]]
    var groupImages = 3

    init(images: Int, seed: UInt64, spread: Double = 0.3) {
        var generator = SeededGenerator(seed: seed)
        goals = (0..<images).map { _ in
            [1, -0.5, 2, 0, 0.25].map { $0 + spread * Double(generator.unit()) }
        }
    }

    static func options() -> TuningOptions {
        TuningOptions(
            images: 1000, loss: .kl, temperature: 1,
            optimizer: .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), learningRate: 0.1,
            schedule: .cosine, warmup: .steps(3), batch: 6, epochs: 8, seed: 11,
            validationShare: 0.2)
    }

    func stage(_ options: TuningOptions, resuming progress: TuningProgress? = nil) throws
        -> FineTuning
    {
        try FineTuning(
            options: options, layers: layers, start: start, imageCount: goals.count,
            groupImages: groupImages, resuming: progress)
    }

    func gradient(_ group: [Int], _ biases: BiasState) -> GradientSums {
        var sums = GradientSums(channels: 5)
        let real = zip(layers, biases.layers).flatMap { layer, biases in
            zip(layer.steps, biases).map { $0 * Double($1) }
        }
        for image in group {
            sums.images += 1
            sums.loss += constant
            for channel in real.indices {
                let distance = real[channel] - goals[image][channel]
                sums.loss += curvature / 2 * distance * distance
                sums.gradients[channel] += curvature * distance
            }
        }
        return sums
    }

    func loss(_ group: [Int], _ biases: BiasState) -> LossSums {
        let sums = gradient(group, biases)
        return LossSums(images: sums.images, loss: sums.loss)
    }

    /// What the workers return for the round that is open.
    func results(_ stage: FineTuning) -> TuningResults? {
        guard let round = stage.nextRound else { return nil }
        return switch round.kind {
        case .teacher: .teacher
        case .loss: .losses(round.groups.map { loss($0, stage.biases) })
        case .gradient: .gradients(round.groups.map { gradient($0, stage.biases) })
        case .statistics, .histograms, .layerSums, .measure: nil
        }
    }

    /// Runs to the end.
    func run(_ stage: inout FineTuning) throws {
        while let results = results(stage) { try stage.complete(results) }
    }

    /// Mean loss over all images.
    func meanLoss(_ biases: BiasState) -> Double {
        loss(Array(goals.indices), biases).loss / Double(goals.count)
    }
}

extension RoundRequest {
    var groups: [[Int]] { shards.map(\.images) }

    var measuresLoss: Bool {
        if case .loss = kind { true } else { false }
    }
}
