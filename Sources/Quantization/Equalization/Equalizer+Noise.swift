// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Scales that make rounding noise least, by a model in which all rounding errors are independent
/// and uniform over a step.
///
/// A channel's scale s weighs two parts of the noise at the outputs of the layers that read it.
/// Rounding errors of their own weights meet an activation that grows with s. Rounding errors of
/// the channel, which its activation's quantizer and the weights that make it cause, are divided by
/// s. The sum `C s² + P / s²` is least at `s = (P / C)^(1/4)`. No range grows, so that no step
/// does.
///
/// With one weight scale per channel, steps follow their rows. Where depthwise layers alone read a
/// channel, no rounding error of weights grows with it (C = 0), and it fills its activation's
/// range. Other readers have little to gain and are left alone.
extension Equalizer {
    private static let noiseSweeps = 4

    mutating func reduceNoise() {
        if granularity == .channel {
            let graph = network.graph
            fillRanges { group in group.consumers.allSatisfy { graph.isDepthwise($0.node) } }
            return
        }
        for _ in 0..<Self.noiseSweeps {
            let noise = NoiseModel(self)
            for group in groups.indices where obstacles[group] == nil {
                let (consumed, produced) = noise.parts(of: group, in: self)
                guard consumed > 0, produced > 0 else { continue }
                let factor = Float((produced / consumed).squareRoot().squareRoot())
                let (lower, upper) = noise.bounds(of: group, in: self)
                guard lower <= 1, upper >= 1 else { continue }
                scale(group, by: min(max(factor, lower), upper))
            }
        }
    }
}

/// Steps and powers at the start of a sweep.
private struct NoiseModel {
    /// Largest magnitudes of the layers' weights, by node.
    let weights: [Float]
    /// Ranges of all nodes' outputs with the scales so far.
    let ranges: [ActivationRange]
    /// Scale of each channel of each value, so far.
    let scales: [[Float]]
    let powers: [[Double]]

    init(_ equalizer: Equalizer) {
        let graph = equalizer.network.graph
        let weights = equalizer.layerMaxima
        self.weights = weights
        var scales = (0..<graph.valueCount).map {
            [Float](repeating: 1, count: graph.shape(of: $0).channels)
        }
        for (index, group) in equalizer.groups.enumerated() {
            for member in group.members {
                scales[member.value][member.channel] = equalizer.scales[index]
            }
        }
        let extrema = equalizer.statistics.extrema
        ranges = graph.nodes.indices.map { node in
            ActivationRange(
                lower: zip(extrema.lower[node], scales[graph.value(of: node)]).reduce(0) {
                    min($0, $1.0 * $1.1)
                },
                upper: zip(extrema.upper[node], scales[graph.value(of: node)]).reduce(0) {
                    max($0, $1.0 * $1.1)
                }
            )
        }
        self.scales = scales
        let statistics = equalizer.statistics
        // Little is known of the input; a power of 1 is that of a standardized image.
        powers =
            graph.inputs.map { [Double](repeating: 1, count: $0.shape.channels) }
            + graph.nodes.indices.map { node in
                zip(statistics.means[node], statistics.deviations[node]).map { $0 * $0 + $1 * $1 }
            }
    }

    private func square(_ value: Float) -> Double { Double(value) * Double(value) }

    /// Noise at the readers' outputs that grows with the channel's scale, and the part that
    /// shrinks.
    func parts(of index: Int, in equalizer: Equalizer) -> (consumed: Double, produced: Double) {
        let group = equalizer.groups[index]
        let graph = equalizer.network.graph
        // Of the channel's activation: its quantizers, and the weights in front of it.
        var ownNoise = 0.0
        for member in group.members {
            guard let node = graph.node(of: member.value) else { continue }
            let range = ranges[node]
            ownNoise += square((range.upper - range.lower) / 255)
        }
        for (node, channel) in group.producers {
            ownNoise += square(2 * weights[node] / 255) * inputPower(node, channel, equalizer)
        }
        var (consumed, produced) = (0.0, 0.0)
        for (node, channel) in group.consumers {
            let value = graph.nodes[node].inputs[0]
            let column = equalizer.parameters.column(node, channel)
            let power = powers[value][channel] * square(scales[value][channel])
            // Everything counts in units of the reader's outputs before they were scaled.
            let total = powers[graph.value(of: node)].reduce(0, +)
            guard total > 0 else { continue }
            for (output, squares, taps) in column {
                let unit = 1 / (square(scales[graph.value(of: node)][output]) * total)
                consumed += square(2 * weights[node] / 255) * Double(taps) * power * unit
                produced += ownNoise * squares * unit
            }
        }
        return (consumed, produced)
    }

    /// Sum over the taps of an output channel of the power of what they meet.
    private func inputPower(_ node: Int, _ channel: Int, _ equalizer: Equalizer) -> Double {
        let graph = equalizer.network.graph
        guard let convolution = graph.nodes[node].convolution else { return 0 }
        let value = graph.nodes[node].inputs[0]
        let depth = graph.shape(of: value).channels / convolution.groups
        let first = channel / (graph.nodes[node].shape.channels / convolution.groups) * depth
        let sum = (first..<first + depth).reduce(0) {
            $0 + powers[value][$1] * square(scales[value][$1])
        }
        return sum * Double(convolution.window.kernelHeight * convolution.window.kernelWidth)
    }

    /// Factors that widen no range.
    func bounds(of index: Int, in equalizer: Equalizer) -> (lower: Float, upper: Float) {
        let group = equalizer.groups[index]
        let extrema = equalizer.statistics.extrema
        var (lower, upper): (Float, Float) = (1 / 16, min(16, equalizer.clampLimit(index)))
        let scale = equalizer.scales[index]
        for member in group.members {
            guard let node = equalizer.network.graph.node(of: member.value) else { continue }
            let highest = extrema.upper[node][member.channel] * scale
            let lowest = extrema.lower[node][member.channel] * scale
            if highest > 0 { upper = min(upper, ranges[node].upper / highest) }
            if lowest < 0 { upper = min(upper, ranges[node].lower / lowest) }
        }
        for (node, channel) in group.producers {
            let row = equalizer.parameters.rowMaximum(node, channel)
            if row > 0 { upper = min(upper, weights[node] / row) }
        }
        for (node, channel) in group.consumers {
            let column = equalizer.parameters.columnMaximum(node, channel)
            lower = max(lower, column / weights[node])
        }
        return (lower, upper)
    }
}

extension Graph {
    /// Whether each output channel reads one input channel.
    fileprivate func isDepthwise(_ node: Int) -> Bool {
        nodes[node].convolution?.groups == shape(of: nodes[node].inputs[0]).channels
    }
}
