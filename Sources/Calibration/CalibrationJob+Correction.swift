import NetworkGraph
import Quantization

extension CalibrationJob {
    /// Every layer starts with the closed form; matching behind the activation then iterates from there.
    func match(layer: Int) -> Match {
        progress.corrections.count == layer ? .pre : .post
    }

    private func iterates(layer: Int) -> Bool {
        let node = network.graph.convolutions[layer]
        return options.correction?.match == .post && quantized?.activations[node + 1] != nil
    }

    private func corrector(layer: Int, match: Match) -> LayerCorrector? {
        let node = network.graph.convolutions[layer]
        guard let quantized, let statistics,
            let parameters = quantized.parameters[node],
            let input = quantized.activations[network.graph.nodes[node].inputs[0]]
        else { return nil }
        let layout = ChannelLayout(network.graph)
        let sums = match == .pre ? statistics.sumsBefore : statistics.sumsAfter
        let count =
            Double(statistics.sumImages)
            * Double(network.graph.nodes[node].shape.pixels)
        let observed = match == .pre ? node : network.graph.clamps(behind: node).last ?? node
        var means = sums[layout.range(observed)].map { $0 / count }
        // A removed channel outputs its constant on every pixel; that is what it has to match.
        for dead in deadChannels where dead.node == node {
            for (channel, constant) in zip(dead.channels, dead.constants) {
                means[channel] = Double(constant)
            }
        }
        return LayerCorrector(
            parameters: parameters, input: input, output: quantized.activations[observed + 1],
            count: count, floatMeans: means, limits: biasLimits[layer])
    }

    mutating func completeCorrection(layer: Int, _ results: [[UInt8]]) throws {
        let match = match(layer: layer)
        guard let corrector = corrector(layer: layer, match: match),
            let options = options.correction,
            let biases = progress.biases?.layers[layer]
        else { preconditionFailure("correction without a quantized network") }
        var sums = [Int64](repeating: 0, count: biases.count)
        for payload in results {
            var reader = PayloadReader(payload)
            let shard = try reader.read(Int64.self, count: sums.count)
            try reader.finish()
            for channel in sums.indices { sums[channel] &+= shard[channel] }
        }
        switch match {
        case .pre:
            let shift = corrector.shiftBefore(sums: sums, biases: biases)
            let (corrected, overflowing) = corrector.corrected(biases, shift: shift)
            progress.biases?.layers[layer] = corrected
            let isDone = !iterates(layer: layer)
            progress.corrections.append(
                LayerCorrection(
                    rounds: 1,
                    residual: isDone ? corrector.shiftBefore(sums: sums, biases: corrected) : [],
                    overflowing: overflowing))
            if isDone { try finish(layer: layer) }
        case .post:
            try iterate(layer: layer, shift: corrector.shiftAfter(sums: sums), corrector, options)
        }
    }

    /// One iteration behind the activation: done when the shift just measured is small enough or iterations are used up. What the last
    /// one leaves is seen by the measure round, which costs no further round per layer.
    private mutating func iterate(
        layer: Int, shift: [Double], _ corrector: LayerCorrector, _ options: CorrectionOptions
    ) throws {
        guard let biases = progress.biases?.layers[layer] else { return }
        progress.corrections[layer].rounds += 1
        let step = Double(corrector.output?.scale ?? 1)
        if shift.allSatisfy({ abs($0) <= options.tolerance * step }) {
            try finish(layer: layer)
            return
        }
        let (corrected, overflowing) = corrector.corrected(biases, shift: shift)
        progress.corrections[layer].overflowing = overflowing
        progress.biases?.layers[layer] = corrected
        if corrected == biases || progress.corrections[layer].rounds > options.iterations {
            try finish(layer: layer)
        }
    }

    private mutating func finish(layer: Int) throws {
        if progress.guarding != nil {
            progress.stage = .guarding(.layer(layer))
        } else {
            try follow(layer: layer)
        }
    }

    /// Goes on behind a layer.
    mutating func follow(layer: Int) throws {
        let next = layer + 1
        if next < network.graph.convolutions.count {
            progress.stage = .correcting(layer: next)
        } else {
            try finishCorrection()
        }
    }
}
