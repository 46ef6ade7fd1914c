// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Judging corrections on images held out of them; see ``GuardProgress``.
extension CalibrationJob {
    /// Images held out: the last of the pool.
    var guardImages: Range<Int> { imageCount - (options.guardImages ?? 0)..<imageCount }

    /// Images that corrections may use.
    var correctableImages: Int { guardImages.lowerBound }

    var guardShards: [Shard] {
        Shard.cut(count: guardImages.count, size: options.shardImages)
    }

    func guardRound(_ step: GuardProgress.Step) -> Round {
        Round(
            index: progress.rounds, kind: step == .teacher ? .teacher : .loss(GuardProgress.loss),
            shards: guardShards)
    }

    /// Rounds the guard takes at most.
    var guardRoundLimit: Int {
        guard options.guardImages != nil else { return 0 }
        return 2 + (options.correction == nil ? 0 : network.graph.convolutions.count)
            + (options.tuning == nil ? 0 : 1)
    }

    mutating func completeGuard(_ step: GuardProgress.Step, _ results: [[UInt8]]) throws {
        guard var guarding = progress.guarding else { preconditionFailure("nobody guards") }
        if step == .teacher {
            guarding.teacher = try teacherTable(
                results, groups: guardShards.map(\.images), images: guardImages.count)
            progress.guarding = guarding
            progress.stage = .guarding(.start)
            return
        }
        var sums = LossSums(images: 0, loss: 0)
        for payload in results {
            sums.add(try LossSums(payload: payload))
        }
        let isKept = guarding.judge(sums.loss / Double(guardImages.count))
        switch step {
        case .teacher: break
        case .start:
            progress.guarding = guarding
            try startCorrection(layer: 0)
        case .layer(let layer):
            if !isKept {
                guarding.rejectedLayers.append(layer)
                let initial = initialBiases(layer: layer)
                progress.biases?.layers[layer] = initial
            }
            progress.guarding = guarding
            try startCorrection(layer: layer + 1)
        case .tuning:
            guarding.rejectsTuning = !isKept
            progress.guarding = guarding
            progress.stage = .measuring
        }
    }

    /// Refuses what this job cannot have led to.
    func checkGuard() throws(CalibrationError) {
        func require(_ fits: Bool) throws(CalibrationError) {
            guard fits else { throw CalibrationError(.checkpointMismatch(field: "guard")) }
        }
        guard let guarding = progress.guarding else {
            return try require(options.guardImages == nil && !isGuarding)
        }
        let layers = network.graph.convolutions.count
        let classes = network.graph.outputCount
        let hasTeacher = progress.stage != .guarding(.teacher)
        try require(
            options.guardImages != nil
                && guarding.teacher.count == (hasTeacher ? guardImages.count * classes : 0)
                && guarding.losses.count < guardRoundLimit
                && guarding.rejectedLayers.allSatisfy((0..<layers).contains)
                && (!guarding.rejectsTuning || options.tuning != nil))
        switch progress.stage {
        case .guarding(.layer(let layer)):
            try require(options.correction != nil && progress.corrections.count == layer + 1)
        case .guarding(.tuning):
            try require(progress.tuning?.phase == .finished)
        default: break
        }
    }

    /// What the guard did; nil without one.
    package var guardSummary: GuardSummary? {
        guard let guarding = progress.guarding, let start = guarding.losses.first else {
            return nil
        }
        let nodes = network.graph.convolutions
        return GuardSummary(
            images: guardImages.count, lossBefore: start.isFinite ? start : nil,
            lossAfter: guarding.best.isFinite ? guarding.best : nil,
            rejectedLayers: guarding.rejectedLayers.map { network.graph.nodes[nodes[$0]].name },
            rejectsTuning: guarding.rejectsTuning)
    }
}
