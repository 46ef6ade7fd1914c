// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Images held out of every correction judge it: their loss with the biases reached is compared
/// with the loss before. A layer's correction, or the result of fine-tuning, that raises it is
/// taken back. The judgement costs one pass of the integer network over the held-out images per
/// convolution, and one for fine-tuning.
///
/// It stands in front of the stages it judges: as soon as one has changed something, it is this
/// one's turn.
package struct HeldOutCheck: Stage {
    /// What is judged next.
    package enum Step: Hashable, Sendable {
        /// Float logits of the held-out images.
        case teacher
        /// The biases as they were rounded.
        case start
        /// The latest layer's correction.
        case layer(Int)
        /// The result of fine-tuning.
        case tuning
    }

    static let name = "guard"

    /// Squared distance of the logits over that of the float network's: one over the signal to
    /// noise ratio.
    static let loss = TuningLoss(.relativeL2, temperature: 1)

    /// The float network's logits on the held-out images, `[image][class]`; empty until computed.
    package private(set) var teacher: [Float] = []
    /// Mean loss per image: of the start, then of every judged state in turn, kept or not.
    package private(set) var losses: [Double] = []
    /// Loss of the state kept.
    package private(set) var best = Double.infinity
    /// Convolutions whose correction was taken back.
    package private(set) var rejectedLayers: [Int] = []
    /// Whether the result of fine-tuning was taken back.
    package private(set) var rejectsTuning = false

    static func isPart(of options: CalibrationOptions) -> Bool { options.guardImages != nil }

    func roundLimit(_ context: JobContext) -> Int {
        2 + (context.options.correction == nil ? 0 : context.network.graph.convolutions.count)
            + (context.options.tuning == nil ? 0 : 1)
    }

    /// Nil if there is nothing to judge.
    private func step(_ context: JobContext) -> Step? {
        if teacher.isEmpty { return .teacher }
        if losses.isEmpty { return .start }
        let judged = losses.count - 1
        return judged < context.changes.count ? context.changes[judged] : nil
    }

    mutating func resume(_ context: inout JobContext) throws {
        let layers = context.network.graph.convolutions.count
        let logits = context.heldOutImages.count * context.network.graph.outputCount
        guard teacher.isEmpty || teacher.count == logits && context.quantized != nil,
            !teacher.isEmpty || losses.isEmpty,
            losses.isEmpty
                ? context.changes.isEmpty
                : (0...1).contains(context.changes.count - (losses.count - 1)),
            rejectedLayers.allSatisfy((0..<layers).contains),
            !rejectsTuning || context.changes.last == .tuning
        else { throw CalibrationError(.checkpointMismatch(field: "guard")) }
    }

    func nextRound(_ context: JobContext) -> RoundRequest? {
        step(context).map {
            RoundRequest($0 == .teacher ? .teacher : .loss(Self.loss), context.heldOutShards)
        }
    }

    func place(_ context: JobContext) -> Place { .guarding(step(context) ?? .start) }

    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws {
        guard let step = step(context) else { preconditionFailure("nothing to judge") }
        if step == .teacher {
            teacher = try context.logits(
                results, shards: context.heldOutShards, images: context.heldOutImages.count)
            return
        }
        var sums = LossSums(images: 0, loss: 0)
        for payload in results {
            sums.add(try LossSums(payload: payload))
        }
        let isKept = judge(sums.loss / Double(context.heldOutImages.count))
        switch step {
        case .teacher, .start:
            break
        case .layer(let layer):
            guard !isKept else { break }
            rejectedLayers.append(layer)
            let initial = context.initialBiases(layer: layer)
            context.biases?.layers[layer] = initial
        case .tuning:
            rejectsTuning = !isKept
        }
    }

    /// - Returns: whether the judged state may stay; a loss that is no number may not.
    private mutating func judge(_ loss: Double) -> Bool {
        losses.append(loss)
        guard loss <= best else { return false }
        best = loss
        return true
    }

    func write(to fields: inout StageFields) {
        if !teacher.isEmpty { fields.lasting["guard.logits"] = .floats(teacher) }
        fields.changing["guard.losses"] = .doubles(losses)
        fields.changing["guard.best"] = .doubles([best])
        fields.set("guard.rejected-layers", rejectedLayers)
        fields.set("guard.rejects-tuning", [rejectsTuning ? 1 : 0])
    }
}

extension HeldOutCheck {
    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        if fields.has("guard.logits") { teacher = try fields.floats("guard.logits") }
        losses = try fields.doubles("guard.losses")
        best = try fields.doubles("guard.best", count: 1)[0]
        rejectedLayers = try fields.integers("guard.rejected-layers")
        rejectsTuning = try fields.integers("guard.rejects-tuning", count: 1)[0] != 0
    }
}

extension JobContext {
    /// Images held out: the last of the pool.
    var heldOutImages: Range<Int> { correctableImages..<imageCount }

    fileprivate var heldOutShards: [Shard] {
        Shard.cut(count: heldOutImages.count, size: options.shardImages)
    }
}

/// What the held-out check did, for the ledger.
package struct HeldOutSummary: Hashable, Sendable, Codable {
    /// Images that judged.
    package var images: Int
    /// Mean squared distance of the held-out images' logits, as a share of the float network's:
    /// before any correction, and in the end. Nil where it is no number.
    package var lossBefore: Double?
    /// Of the state that was kept.
    package var lossAfter: Double?
    /// Names of convolutions whose correction was taken back.
    package var rejectedLayers: [String]
    /// Whether the result of fine-tuning was taken back.
    package var rejectsTuning: Bool

    /// Nil before the start is judged.
    init?(_ check: HeldOutCheck, _ context: JobContext) {
        guard let start = check.losses.first else { return nil }
        let graph = context.network.graph
        images = context.heldOutImages.count
        lossBefore = start.isFinite ? start : nil
        lossAfter = check.best.isFinite ? check.best : nil
        rejectedLayers = check.rejectedLayers.map { graph.nodes[graph.convolutions[$0]].name }
        rejectsTuning = check.rejectsTuning
    }
}
