// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// The sums of two products that x86 processors without VNNI form in 16 bits, with saturation
/// (`vpmaddubsw`): 8-bit activations, stored unsigned, times signed weights, two neighbours along
/// the reduction of a convolution or matrix product at a time.
///
/// ONNX Runtime takes kernel rows, columns and input channels as one sequence; OpenVINO begins anew
/// with every pixel. With an even number of channels the pairs are the same; with an odd one, as in
/// a first layer, any two that follow each other are taken for a pair. Both compute depthwise
/// convolutions, and uint8 weights, without such sums. Measured with both in
/// `docs/onnx-runtime.md`.
package struct ProductPairs: Hashable, Sendable {
    /// Positions of the two weights within an output channel, `[kernelHeight, kernelWidth,
    /// inputChannels / groups]`.
    struct Pair: Hashable, Sendable {
        var first: Int
        var second: Int
    }

    /// What 16 bits hold; sums of the other sign reach one further.
    static let limit: Int32 = 32_767

    let pairs: [Pair]
    /// Per group and weight of an output channel, the largest stored activation it meets.
    let reach: [[Int32]]
    /// Output channels of a group.
    private let groupOutputs: Int

    /// Nil for nodes whose products nobody adds in pairs.
    /// - Parameters:
    ///   - node: of the graph.
    ///   - input: extents of what it reads.
    ///   - largest: per channel of that, the largest 8-bit value as the executor stores it.
    init?(of node: Node, input: TensorShape, largest: [UInt8]) {
        guard let convolution = node.convolution else { return nil }
        let depth = input.channels / convolution.groups
        let isDepthwise =
            convolution.groups > 1 && depth == 1 && node.shape.channels == convolution.groups
        guard !isDepthwise else { return nil }
        let pixels = convolution.window.kernelHeight * convolution.window.kernelWidth
        let taps = pixels * depth
        if convolution.isFullyConnected, pixels > 1 {
            // Gemm reads channels slowest.
            func position(_ index: Int) -> Int { index % pixels * depth + index / pixels }
            pairs = stride(from: 0, to: taps - 1, by: 2).map {
                Pair(first: position($0), second: position($0 + 1))
            }
        } else {
            pairs = stride(from: 0, to: taps - 1, by: depth.isMultiple(of: 2) ? 2 : 1).map {
                Pair(first: $0, second: $0 + 1)
            }
        }
        reach = (0..<convolution.groups).map { group in
            (0..<taps).map { Int32(largest[group * depth + $0 % depth]) }
        }
        groupOutputs = node.shape.channels / convolution.groups
    }

    /// What the weights of an output channel meet.
    func reach(ofOutput channel: Int) -> [Int32] { reach[channel / groupOutputs] }

    /// The pairs of several output channels, one behind the other.
    func repeated(_ channels: Int) -> [Pair] {
        guard channels > 1 else { return pairs }
        let taps = reach[0].count
        return (0..<channels).flatMap { channel in
            pairs.map {
                Pair(first: $0.first + channel * taps, second: $0.second + channel * taps)
            }
        }
    }

    /// Whether two signed weights can leave 16 bits together. Products of different sign cannot.
    @inline(__always)
    static func exceed(_ first: Int32, _ second: Int32, reach: (Int32, Int32)) -> Bool {
        (first ^ second) >= 0 && abs(first) &* reach.0 &+ abs(second) &* reach.1 > limit
    }

    /// Whether any pair of an output channel's weights can.
    func exceed(_ weights: ArraySlice<Int16>, output channel: Int) -> Bool {
        let reach = reach(ofOutput: channel)
        return weights.withUnsafeBufferPointer { weights in
            reach.withUnsafeBufferPointer { reach in
                pairs.contains { pair in
                    Self.exceed(
                        Int32(weights[pair.first]), Int32(weights[pair.second]),
                        reach: (reach[pair.first], reach[pair.second]))
                }
            }
        }
    }
}

/// How far 8-bit activations reach on images like those of calibration.
package struct ActivationReach: Hashable, Sendable {
    /// Of every node's channels over the calibration images.
    package var extrema: ChannelExtrema
    /// How many of them, at least 1.
    package var images: Int

    /// Memberwise, unchecked.
    package init(extrema: ChannelExtrema, images: Int) {
        self.extrema = extrema
        self.images = images
    }

    /// What other images may have beyond the largest value of these: the less, the more there are.
    private var margin: Float { 1 + 1 / Float(images).squareRoot() }

    /// The largest 8-bit value of each channel of a node's output, as the executor stores it;
    /// padding, which is zero, counts.
    func largest(ofNode node: Int, _ quantization: TensorQuantization) -> [UInt8] {
        extrema.upper[node].map {
            max(quantization.stored($0 * margin), quantization.unsignedZeroPoint)
        }
    }
}

extension QuantizedNetwork {
    /// Convolutions whose sums can saturate where products are added in 16 bits, by node, on
    /// activations within reach.
    package func saturatingLayers(_ reach: ActivationReach) -> [Int] {
        graph.convolutions.filter { index in
            guard let parameters = parameters[index], parameters.type == .int8,
                let input = activations[graph.nodes[index].inputs[0]],
                let pairs = ProductPairs(of: index, in: graph, input: input, reach: reach)
            else { return false }
            let taps = parameters.weights.count / parameters.bias.count
            return parameters.bias.indices.contains { channel in
                pairs.exceed(
                    parameters.weights[channel * taps..<(channel + 1) * taps], output: channel)
            }
        }
    }
}

extension ProductPairs {
    /// Of a node; pixels, and without a reach all activations, can have any 8-bit value.
    init?(
        of index: Int, in graph: Graph, input: TensorQuantization, reach: ActivationReach?
    ) {
        let value = graph.nodes[index].inputs[0]
        let shape = graph.shape(of: value)
        let any = [UInt8](repeating: 255, count: shape.channels)
        self.init(
            of: graph.nodes[index], input: shape,
            largest: graph.node(of: value).flatMap { reach?.largest(ofNode: $0, input) } ?? any)
    }
}
