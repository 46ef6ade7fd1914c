// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Fine-tuning as a stage of the job.
extension CalibrationJob {
    /// Makes the stage, from where progress stands.
    mutating func startTuning() throws {
        guard let options = options.tuning, let start = progress.biases else {
            throw CalibrationError(.checkpointMismatch(field: "fine-tuning"))
        }
        let stage = try TuningStage(
            options: options, layers: tuningLayers, start: start, imageCount: correctableImages,
            groupImages: self.options.tuningShardImages, resuming: progress.tuning)
        let classes = network.graph.outputCount
        let needsTeacher = options.loss.usesTeacher && stage.progress.phase != .teacher
        guard progress.teacher.count == (needsTeacher ? stage.positionCount * classes : 0) else {
            throw CalibrationError(.checkpointMismatch(field: "teacher logits"))
        }
        tuning = stage
        progress.tuning = stage.progress
    }

    private var tuningLayers: [TuningLayer] {
        let layout = ChannelLayout(network.graph)
        return network.graph.convolutions.enumerated().compactMap { layer, node in
            guard let quantized, let statistics,
                let parameters = quantized.parameters[node],
                let input = quantized.activations[network.graph.nodes[node].inputs[0]]
            else { return nil }
            let steps = parameters.bias.indices.map {
                Double(
                    BiasQuantization.scale(
                        input: input.scale, weight: parameters.scale(channel: $0)))
            }
            return TuningLayer(
                steps: steps, limits: biasLimits[layer],
                unit: quantized.activation(ofNode: node).map { Double($0.scale) }
                    ?? statistics.unit(of: layout.range(node)))
        }
    }

    /// The round of fine-tuning to run next.
    var tuningRound: Round? {
        guard let stage = tuning, let round = stage.nextRound else { return nil }
        let loss = TuningLoss(stage.options.loss, temperature: stage.options.temperature)
        let kind: RoundKind =
            switch round.kind {
            case .teacher: .teacher
            case .validationLoss: .loss(loss)
            case .gradient: .gradient(loss)
            }
        return Round(
            index: progress.rounds, kind: kind,
            shards: round.groups.enumerated().map { Shard(index: $0, images: $1) })
    }

    /// Rounds fine-tuning takes at most.
    var tuningRoundLimit: Int {
        guard let options = options.tuning else { return 0 }
        let order = DataOrder(
            images: min(options.images, correctableImages), seed: options.seed,
            validationShare: options.validationShare, groupImages: self.options.tuningShardImages,
            batch: options.batch, mirrors: options.mirrors)
        return 2 + options.epochs * (order.stepsPerEpoch + 1)
    }

    mutating func completeTuning(_ results: [[UInt8]]) throws {
        guard var stage = tuning, let round = stage.nextRound else {
            preconditionFailure("no round of fine-tuning is open")
        }
        if round.kind == .teacher {
            progress.teacher = try teacherTable(
                results, groups: round.groups, images: stage.positionCount)
        }
        try stage.complete(
            TuningResults(
                payloads: results, of: round.kind,
                channels: ChannelLayout(network.graph, convolutionsOnly: true).total))
        tuning = stage
        progress.tuning = stage.progress
        if stage.nextRound == nil {
            progress.stage = progress.guarding == nil ? .measuring : .guarding(.tuning)
        }
    }

    /// Logits of a teacher round, `[position][class]`.
    func teacherTable(
        _ results: [[UInt8]], groups: [[Int]], images: Int
    ) throws(CalibrationError) -> [Float] {
        let classes = network.graph.outputCount
        var table = [Float](repeating: 0, count: images * classes)
        for (group, payload) in zip(groups, results) {
            let logits = try TeacherLogits(payload: payload, images: group.count, classes: classes)
            for (position, values) in zip(group, logits.images) {
                table.replaceSubrange(position * classes..<(position + 1) * classes, with: values)
            }
        }
        return table
    }

    /// The images a round's positions count in: the pool; under the guard those held out; in
    /// fine-tuning those in use and then, if it mirrors, the same mirrored.
    /// - Parameters:
    ///   - kind: of the round.
    ///   - pool: all images in order, in whatever form.
    ///   - mirror: makes the mirrored form of one.
    /// - Returns: what positions of this round's shards index.
    package func images<Image>(
        of kind: RoundKind, in pool: [Image], mirror: (Image) throws -> Image
    ) rethrows -> [Image] {
        guard kind.comparesLogits else { return pool }
        if isGuarding { return Array(pool[guardImages]) }
        guard let stage = tuning, stage.options.mirrors else { return pool }
        let used = Array(pool.prefix(stage.imageCount))
        return try used + used.map(mirror)
    }

    /// Whether the next round is the guard's.
    package var isGuarding: Bool {
        if case .guarding = progress.stage { true } else { false }
    }

    /// What the network should answer on the images of fine-tuning or the guard, by position; nil
    /// before it is known, and where nobody asks.
    package var targets: [TuningTarget]? {
        if isGuarding { return targets(progress.guarding?.teacher ?? [], guardImages.count) }
        guard let stage = tuning else { return nil }
        if let labels, !stage.options.loss.usesTeacher {
            let used = labels.prefix(stage.imageCount).map { TuningTarget.label($0) }
            return stage.options.mirrors ? used + used : used
        }
        return targets(progress.teacher, stage.positionCount)
    }

    private func targets(_ teacher: [Float], _ images: Int) -> [TuningTarget]? {
        guard !teacher.isEmpty else { return nil }
        let classes = teacher.count / images
        return (0..<images).map { image in
            .logits(Array(teacher[image * classes..<(image + 1) * classes]))
        }
    }
}

extension NetworkStatistics {
    /// What one step of an 8-bit quantizer of these channels would be: the unit of a layer whose
    /// output stays float.
    fileprivate func unit(of channels: Range<Int>) -> Double {
        let low = min(lower[channels].min() ?? 0, 0)
        let high = max(upper[channels].max() ?? 0, 0)
        return high > low ? Double(high - low) / 255 : 1
    }
}
