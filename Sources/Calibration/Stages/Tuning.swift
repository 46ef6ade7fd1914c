// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Bias fine-tuning (BFT) of the whole network: ``FineTuning`` with what it needs of the job.
struct Tuning: Stage {
    private enum State: Sendable {
        case waiting
        /// Read from a checkpoint.
        case saved(TuningProgress)
        case running(FineTuning)
    }

    static let name = "tuning"

    private var state = State.waiting
    /// The float network's logits, `[position][class]`, over the images of fine-tuning; empty until
    /// computed.
    private(set) var teacher: [Float] = []

    /// Once it has started.
    var process: FineTuning? {
        if case .running(let process) = state { process } else { nil }
    }

    /// Nil until it starts.
    var progress: TuningProgress? {
        switch state {
        case .waiting: nil
        case .saved(let progress): progress
        case .running(let process): process.progress
        }
    }

    static func isPart(of options: CalibrationOptions) -> Bool { options.tuning != nil }

    var changes: [HeldOutCheck.Step] { progress?.phase == .finished ? [.tuning] : [] }

    func roundLimit(_ context: JobContext) -> Int {
        guard let options = context.options.tuning,
            let order = context.options.tuningOrder(pool: context.imageCount)
        else { return 0 }
        return 2 + options.epochs * (order.stepsPerEpoch + 1)
    }

    mutating func resume(_ context: inout JobContext) throws {
        guard let progress else {
            guard teacher.isEmpty else {
                throw CalibrationError(.checkpointMismatch(field: "teacher logits"))
            }
            return
        }
        let process = try context.fineTuning(resuming: progress)
        let hasTeacher = process.options.loss.usesTeacher && progress.phase != .teacher
        let logits = process.positionCount * context.network.graph.outputCount
        guard teacher.count == (hasTeacher ? logits : 0) else {
            throw CalibrationError(.checkpointMismatch(field: "teacher logits"))
        }
        state = .running(process)
    }

    mutating func prepare(_ context: inout JobContext) throws {
        guard case .waiting = state, !context.network.graph.convolutions.isEmpty else { return }
        state = .running(try context.fineTuning(resuming: nil))
    }

    func nextRound(_ context: JobContext) -> RoundRequest? { process?.nextRound }

    func place(_ context: JobContext) -> Place { .tuning }

    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws {
        guard var process, let round = process.nextRound else {
            preconditionFailure("no round of fine-tuning is open")
        }
        if round.kind == .teacher {
            teacher = try context.logits(
                results, shards: round.shards, images: process.positionCount)
        }
        try process.complete(
            TuningResults(payloads: results, of: round.kind, channels: context.convolvedChannels))
        state = .running(process)
    }

    func write(to fields: inout StageFields) {
        if !teacher.isEmpty { fields.lasting["teacher.logits"] = .floats(teacher) }
        fields.texts["tuning.phase"] = progress?.phase.text ?? "waiting"
        progress?.write(to: &fields)
    }
}

extension Tuning {
    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        if fields.texts["tuning.phase"] != "waiting" {
            state = .saved(try TuningProgress(fields))
        }
        if fields.has("teacher.logits") { teacher = try fields.floats("teacher.logits") }
    }

    /// For tests of what shows a job's progress.
    init(_ progress: TuningProgress) { state = .saved(progress) }

    /// Whatever else there is follows from the job.
    static func == (left: Tuning, right: Tuning) -> Bool {
        left.progress == right.progress && left.teacher == right.teacher
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(progress)
        hasher.combine(teacher)
    }
}

extension JobContext {
    /// - Throws: ``CalibrationError`` with code `checkpointMismatch` for a state that does not fit.
    fileprivate func fineTuning(resuming progress: TuningProgress?) throws -> FineTuning {
        guard let options = options.tuning, let biases else {
            throw CalibrationError(.checkpointMismatch(field: "fine-tuning"))
        }
        return try FineTuning(
            options: options, layers: tuningLayers, start: biases, imageCount: correctableImages,
            groupImages: self.options.tuningShardImages, resuming: progress)
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

    /// Logits of a round that asks the float network for them, `[position][class]`.
    func logits(
        _ results: [[UInt8]], shards: [Shard], images: Int
    ) throws(CalibrationError) -> [Float] {
        let classes = network.graph.outputCount
        var table = [Float](repeating: 0, count: images * classes)
        for (shard, payload) in zip(shards, results) {
            let logits = try TeacherLogits(
                payload: payload, images: shard.images.count, classes: classes)
            for (position, values) in zip(shard.images, logits.images) {
                table.replaceSubrange(position * classes..<(position + 1) * classes, with: values)
            }
        }
        return table
    }
}

extension NetworkStatistics {
    /// What one step of an 8-bit quantizer of these channels would be: the unit of a layer whose
    /// output stays float.
    fileprivate func unit(of channels: Range<Int>) -> Double {
        let low = min(lower[channels].min() ?? 0, 0)
        let high = max(upper[channels].max() ?? 0, 0)
        // The difference of two finite numbers need not be one.
        return high > low ? Double(min(high - low, .greatestFiniteMagnitude)) / 255 : 1
    }
}
