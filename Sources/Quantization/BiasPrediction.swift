// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

extension QuantizedNetwork {
    /// Biases that make up for the rounding of weights, from channel means alone: what a layer's
    /// weights lost, times the means of what they meet (arXiv 1906.04721, section 4.2). Where
    /// padding is read, or means differ between pixels of a larger window, this is an estimate.
    /// - Parameters:
    ///   - float: the network before it was quantized, with the same graph.
    ///   - means: per node and channel, behind the clamp.
    ///   - limits: what no bias may exceed, per convolution and channel.
    /// - Returns: one array per convolution. Channels whose bias would come too close to the limit,
    ///   and layers that read an input of the network, keep their rounded biases.
    package func predictedBiases(
        float: FloatNetwork, means: [[Double]], limits: [[Int64]]
    ) -> [[Int32]] {
        let nodes = graph.convolutions
        return concurrentMap(nodes.count) { layer in
            let node = nodes[layer]
            let value = graph.nodes[node].inputs[0]
            guard let parameters = parameters[node], let given = float.parameters[node],
                let input = activations[value]
            else { return [] }
            guard let read = graph.node(of: value) else { return parameters.bias }
            let lost = graph.lostMeans(node, given, parameters, means: means[read])
            let room = outputStep(node).map(Int64.init)
            return parameters.bias.indices.map { channel in
                let scale = BiasQuantization.scale(
                    input: input.scale, weight: parameters.scale(channel: channel))
                guard
                    let bias = BiasQuantization.quantize(
                        Double(given.bias[channel]) + lost[channel], scale: scale),
                    Int64(bias.magnitude) + (room.isEmpty ? 0 : room[channel])
                        <= limits[layer][channel]
                else { return parameters.bias[channel] }
                return bias
            }
        }
    }

    /// By how much a convolution's biases grow where its 8-bit output grows by one step, per
    /// channel, at least 1; empty where the output stays float.
    package func outputStep(_ node: Int) -> [Int32] {
        guard let parameters = parameters[node], let output = activation(ofNode: node),
            let input = activations[graph.nodes[node].inputs[0]]
        else { return [] }
        return parameters.bias.indices.map { channel in
            let scale = BiasQuantization.scale(
                input: input.scale, weight: parameters.scale(channel: channel))
            return max(BiasQuantization.quantize(Double(output.scale), scale: scale) ?? .max, 1)
        }
    }
}

extension Graph {
    /// Per output channel, the sum over a convolution's taps of float minus quantized weight times
    /// the mean of the channel it meets.
    fileprivate func lostMeans(
        _ node: Int, _ float: FloatParameters, _ quantized: QuantizedParameters, means: [Double]
    ) -> [Double] {
        guard let convolution = nodes[node].convolution else { return [] }
        let outputs = nodes[node].shape.channels
        let depth = means.count / convolution.groups
        let taps = float.weights.count / outputs
        return (0..<outputs).map { channel in
            let first = channel / (outputs / convolution.groups) * depth
            let scale = quantized.scale(channel: channel)
            let zero = Int16(quantized.zeroPoint(channel: channel))
            var sum = 0.0
            float.weights.withUnsafeBufferPointer { floats in
                quantized.weights.withUnsafeBufferPointer { integers in
                    for start in stride(from: channel * taps, to: (channel + 1) * taps, by: depth) {
                        for offset in 0..<depth {
                            let kept = Float(integers[start + offset] &- zero) * scale
                            sum += Double(floats[start + offset] - kept) * means[first + offset]
                        }
                    }
                }
            }
            return sum
        }
    }
}
