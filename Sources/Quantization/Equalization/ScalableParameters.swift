// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// A network's weights while their channels are scaled, with the ranges of their rows and columns.
struct ScalableParameters {
    private let graph: Graph
    private(set) var parameters: [FloatParameters?]

    init(_ network: FloatNetwork) {
        graph = network.graph
        parameters = network.parameters
    }

    /// Weights of one output channel.
    private func row(_ node: Int, _ channel: Int) -> Range<Int> {
        guard let layer = parameters[node] else { return 0..<0 }
        let taps = layer.weights.count / layer.bias.count
        return channel * taps..<(channel + 1) * taps
    }

    /// Output channels that read an input channel, and where among the taps' depth it stands.
    private func readers(_ node: Int, _ channel: Int) -> (outputs: Range<Int>, depth: Int, at: Int)
    {
        guard let convolution = graph.nodes[node].convolution else { return (0..<0, 1, 0) }
        let depth = graph.shape(of: graph.nodes[node].inputs[0]).channels / convolution.groups
        let outputs = graph.nodes[node].shape.channels / convolution.groups
        let group = channel / depth
        return (group * outputs..<(group + 1) * outputs, depth, channel % depth)
    }

    /// Largest magnitude of an output channel's weights.
    func rowMaximum(_ node: Int, _ channel: Int) -> Float {
        parameters[node].map { layer in
            layer.weights[row(node, channel)].reduce(0) { max($0, abs($1)) }
        } ?? 0
    }

    /// Largest magnitude of the weights that an input channel meets.
    func columnMaximum(_ node: Int, _ channel: Int) -> Float {
        guard let layer = parameters[node] else { return 0 }
        let (outputs, depth, at) = readers(node, channel)
        var largest: Float = 0
        for output in outputs {
            let row = row(node, output)
            for tap in stride(from: row.lowerBound + at, to: row.upperBound, by: depth) {
                largest = max(largest, abs(layer.weights[tap]))
            }
        }
        return largest
    }

    /// Sum of squares and number of the weights through which an input channel reaches each output
    /// channel.
    func column(_ node: Int, _ channel: Int) -> [(output: Int, squares: Double, taps: Int)] {
        guard let layer = parameters[node] else { return [] }
        let (outputs, depth, at) = readers(node, channel)
        return outputs.map { output in
            let row = row(node, output)
            var squares = 0.0
            for tap in stride(from: row.lowerBound + at, to: row.upperBound, by: depth) {
                squares += Double(layer.weights[tap]) * Double(layer.weights[tap])
            }
            return (output, squares, row.count / depth)
        }
    }

    mutating func scaleRow(_ node: Int, _ channel: Int, by scale: Float) {
        let row = row(node, channel)
        parameters[node]?.weights.withUnsafeMutableBufferPointer { weights in
            for tap in row { weights[tap] *= scale }
        }
        parameters[node]?.bias[channel] *= scale
    }

    mutating func scaleColumn(_ node: Int, _ channel: Int, by scale: Float) {
        let (outputs, depth, at) = readers(node, channel)
        let rows = outputs.map { row(node, $0) }
        parameters[node]?.weights.withUnsafeMutableBufferPointer { weights in
            for row in rows {
                for tap in stride(from: row.lowerBound + at, to: row.upperBound, by: depth) {
                    weights[tap] *= scale
                }
            }
        }
    }

    /// Adds what a constant in an input channel, on every pixel, gives to the biases.
    mutating func absorb(_ constant: Float, into node: Int, _ channel: Int) {
        guard let layer = parameters[node] else { return }
        let (outputs, depth, at) = readers(node, channel)
        for output in outputs {
            let row = row(node, output)
            var sum = Double(layer.bias[output])
            for tap in stride(from: row.lowerBound + at, to: row.upperBound, by: depth) {
                sum += Double(layer.weights[tap]) * Double(constant)
            }
            parameters[node]?.bias[output] = Float(sum)
        }
    }

    mutating func lowerBias(_ node: Int, _ channel: Int, by constant: Float) {
        parameters[node]?.bias[channel] -= constant
    }
}
