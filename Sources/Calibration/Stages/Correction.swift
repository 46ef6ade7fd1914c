// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// Iterative bias correction (IBC): a round per convolution in topological order, each an integer
/// pass with the final biases of the layers in front.
struct Correction: Stage {
    static let name = "correction"

    /// One entry per convolution that has had its turn.
    private(set) var corrections: [LayerCorrection] = []

    /// The convolution whose turn it is.
    private var layer: Int { corrections.count }

    static func isPart(of options: CalibrationOptions) -> Bool { options.correction != nil }

    var changes: [HeldOutCheck.Step] { corrections.indices.map { .layer($0) } }

    func roundLimit(_ context: JobContext) -> Int { context.network.graph.convolutions.count }

    mutating func resume(_ context: inout JobContext) throws {
        guard corrections.isEmpty || context.quantized != nil,
            corrections.count <= context.widths.count,
            zip(corrections, context.widths).allSatisfy({
                $0.residual.isEmpty || $0.residual.count == $1
            })
        else { throw CalibrationError(.checkpointMismatch(field: "corrections")) }
    }

    mutating func prepare(_ context: inout JobContext) throws {
        guard layer < context.network.graph.convolutions.count else { return }
        // The closer a layer starts, the better its slopes are those of where it ends.
        if context.match(layer: layer) == .post {
            context.biases?.layers[layer] = context.predictedBiases[layer]
        }
    }

    func nextRound(_ context: JobContext) -> RoundRequest? {
        guard layer < context.network.graph.convolutions.count else { return nil }
        return RoundRequest(
            .layerSums(layer: layer, match: context.match(layer: layer)), context.correctionShards)
    }

    func place(_ context: JobContext) -> Place { .correcting(layer: layer) }

    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws {
        let match = context.match(layer: layer)
        guard let corrector = context.corrector(layer: layer),
            let biases = context.biases?.layers[layer]
        else { preconditionFailure("correction without a quantized network") }
        var sums = LayerSums(channels: biases.count, match)
        for payload in results {
            sums.add(try LayerSums(payload: payload, channels: biases.count, match))
        }
        let (corrected, overflowing) = corrector.corrected(
            biases, excess: corrector.excess(sums, biases: biases),
            initial: context.initialBiases(layer: layer))
        context.biases?.layers[layer] = corrected
        corrections.append(
            LayerCorrection(
                residual: match == .pre ? corrector.shiftBefore(sums, biases: corrected) : [],
                overflowing: context.fixedLayers.contains(layer) ? [] : overflowing))
    }

    func write(to fields: inout StageFields) {
        fields.set("corrections", [corrections.count])
        for (layer, correction) in corrections.enumerated() {
            if !correction.residual.isEmpty {
                fields.changing["correction.\(layer).residual"] = .doubles(correction.residual)
            }
            if !correction.overflowing.isEmpty {
                fields.set("correction.\(layer).overflowing", correction.overflowing)
            }
        }
    }
}

extension Correction {
    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        let count = try fields.integers("corrections", count: 1)[0]
        guard (0...(try fields.biases()?.layers.count ?? 0)).contains(count) else {
            throw StageFields.Unreadable("corrections")
        }
        for layer in 0..<count {
            let (residual, overflowing) = (
                "correction.\(layer).residual", "correction.\(layer).overflowing"
            )
            corrections.append(
                LayerCorrection(
                    residual: fields.has(residual) ? try fields.doubles(residual) : [],
                    overflowing: fields.has(overflowing) ? try fields.integers(overflowing) : []))
        }
    }
}

extension JobContext {
    /// Where a layer's means are matched: a float output has nothing behind its accumulators.
    func match(layer: Int) -> Match {
        let node = network.graph.convolutions[layer]
        return options.correction?.match == .post && quantized?.activation(ofNode: node) != nil
            ? .post : .pre
    }

    fileprivate func corrector(layer: Int) -> LayerCorrector? {
        let node = network.graph.convolutions[layer]
        guard let quantized, let statistics, let parameters = quantized.parameters[node],
            let options = options.correction,
            let input = quantized.activations[network.graph.nodes[node].inputs[0]]
        else { return nil }
        let layout = ChannelLayout(network.graph)
        let count =
            Double(statistics.sumImages) * Double(network.graph.nodes[node].shape.pixels)
        func means(_ sums: [Double], of observed: Int) -> [Double] {
            var means = sums[layout.range(observed)].map { $0 / count }
            // A removed channel outputs its constant on every pixel; that is what it has to match.
            for dead in deadChannels where dead.node == node {
                for (channel, constant) in zip(dead.channels, dead.constants) {
                    means[channel] = Double(constant)
                }
            }
            return means
        }
        var behind: LayerCorrector.Behind?
        if match(layer: layer) == .post {
            let observed = network.graph.clamps(behind: node).last ?? node
            guard let quantization = quantized.activations[observed + 1] else { return nil }
            behind = LayerCorrector.Behind(
                quantization: quantization, means: means(statistics.sumsAfter, of: observed),
                raise: quantized.outputStep(node), iterations: options.iterations)
        }
        return LayerCorrector(
            parameters: parameters, input: input, count: count,
            meansBefore: means(statistics.sumsBefore, of: node), behind: behind,
            limits: biasLimits[layer])
    }
}
