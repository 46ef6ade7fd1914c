// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

extension CalibrationJob {
    /// Where a layer's means are matched: a float output has nothing behind its accumulators.
    func match(layer: Int) -> Match {
        let node = network.graph.convolutions[layer]
        return options.correction?.match == .post && quantized?.activation(ofNode: node) != nil
            ? .post : .pre
    }

    private func corrector(layer: Int) -> LayerCorrector? {
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

    mutating func completeCorrection(layer: Int, _ results: [[UInt8]]) throws {
        let match = match(layer: layer)
        guard let corrector = corrector(layer: layer), let biases = progress.biases?.layers[layer]
        else { preconditionFailure("correction without a quantized network") }
        var sums = LayerSums(channels: biases.count, match)
        for payload in results {
            sums.add(try LayerSums(payload: payload, channels: biases.count, match))
        }
        let (corrected, overflowing) = corrector.corrected(
            biases, excess: corrector.excess(sums, biases: biases),
            initial: initialBiases(layer: layer))
        progress.biases?.layers[layer] = corrected
        progress.corrections.append(
            LayerCorrection(
                residual: match == .pre ? corrector.shiftBefore(sums, biases: corrected) : [],
                overflowing: fixedLayers.contains(layer) ? [] : overflowing))
        if progress.guarding != nil {
            progress.stage = .guarding(.layer(layer))
        } else {
            try startCorrection(layer: layer + 1)
        }
    }

    /// The layer's turn, or what comes behind the last one.
    mutating func startCorrection(layer: Int) throws {
        guard options.correction != nil, layer < network.graph.convolutions.count else {
            return try finishCorrection()
        }
        // The closer a layer starts, the better its slopes are those of where it ends.
        if match(layer: layer) == .post {
            progress.biases?.layers[layer] = predictedBiases[layer]
        }
        progress.stage = .correcting(layer: layer)
    }

    /// Of the network as it was quantized.
    func initialBiases(layer: Int) -> [Int32] {
        quantized?.parameters[network.graph.convolutions[layer]]?.bias ?? []
    }
}
