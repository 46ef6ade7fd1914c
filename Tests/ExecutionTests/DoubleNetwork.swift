// SPDX-License-Identifier: Apache-2.0

import Execution
import NetworkGraph
import Quantization
import TestSupport

/// A float network in Double, by definition: what finite differences are taken of, and where its
/// masks come from.
struct DoubleNetwork {
    let graph: Graph
    var weights: [[Double]?]
    /// By node.
    var biases: [[Double]?]

    /// The quantized network without its quantizers. Biases lie between their levels: one that is
    /// zero would put windows of padding on the kink of a Relu.
    init(_ network: QuantizedNetwork) {
        graph = network.graph
        weights = network.parameters.map { $0?.dequantizedWeights.map(Double.init) }
        biases = network.graph.nodes.indices.map { index in
            guard let parameters = network.parameters[index],
                let input = network.activations[network.graph.nodes[index].inputs[0]]
            else { return nil }
            return parameters.bias.enumerated().map { channel, bias in
                (Double(bias) + 0.37) * Double(input.scale)
                    * Double(parameters.scale(channel: channel))
            }
        }
    }

    /// Values before and after each node's clamp, by node, and each window's first maximum.
    struct Trace {
        var before: [[Double]] = []
        var values: [[Double]] = []
        var indices: [[Int?]] = []
    }

    func run(_ input: [Double]) -> Trace {
        var trace = Trace()
        trace.values = [input]
        for (index, node) in graph.nodes.enumerated() {
            var chosen: [Int?] = []
            let result = compute(node, index, trace.values, &chosen)
            trace.before.append(result)
            trace.indices.append(chosen)
            trace.values.append(
                result.map {
                    min(
                        max($0, node.clamp.lower.map(Double.init) ?? -.infinity),
                        node.clamp.upper.map(Double.init) ?? .infinity)
                })
        }
        return trace
    }

    private func compute(
        _ node: Node, _ index: Int, _ values: [[Double]], _ chosen: inout [Int?]
    ) -> [Double] {
        let input = values[node.inputs[0]]
        let shape = graph.shape(of: node.inputs[0])
        switch node.operation {
        case .convolution(let convolution):
            return convolve(input, shape, node, convolution, index)
        case .add: return zip(input, values[node.inputs[1]]).map { $0 + $1 }
        case .concat(let axis):
            return joined(
                node.inputs.map { values[$0] }, node.inputs.map { graph.shape(of: $0) }, axis: axis)
        case .clamp: return input
        case .resize, .rearrange, .take:
            return moved(input, by: node.operation, shape, filler: 0) ?? []
        case .pad(let pad):
            return moved(input, by: node.operation, shape, filler: Double(pad.value)) ?? []
        case .multiply, .activation, .localResponseNormalization:
            preconditionFailure("random networks of finite differences have no functions")
        case .maxPool(let window):
            return pool(input, shape, node, window) { taps in
                let best = taps.reduce(nil as (Int, Double)?) { best, tap in
                    if let best, best.1 >= tap.value { return best }
                    return (tap.index, tap.value)
                }
                chosen.append(best?.0)
                return best?.1 ?? 0
            }
        case .averagePool(let window, let countIncludePad):
            return pool(input, shape, node, window) { taps in
                let count = countIncludePad ? window.kernelHeight * window.kernelWidth : taps.count
                return taps.reduce(0) { $0 + $1.value } / Double(max(count, 1))
            }
        case .globalAveragePool:
            return (0..<shape.channels).map { channel in
                stride(from: channel, to: input.count, by: shape.channels)
                    .reduce(0) { $0 + input[$1] } / Double(shape.pixels)
            }
        }
    }

    private func convolve(
        _ input: [Double], _ shape: TensorShape, _ node: Node, _ convolution: Convolution,
        _ index: Int
    ) -> [Double] {
        guard let weights = weights[index], let biases = biases[index] else { return [] }
        let run = shape.channels / convolution.groups
        let groupOutput = node.shape.channels / convolution.groups
        let taps = convolution.window.kernelHeight * convolution.window.kernelWidth
        var result: [Double] = []
        result.reserveCapacity(node.shape.count)
        for pixel in 0..<node.shape.pixels {
            let inside = Self.taps(pixel, shape, node.shape, convolution.window)
            for channel in 0..<node.shape.channels {
                var sum = biases[channel]
                let first = channel / groupOutput * run
                for tap in inside {
                    let w = (channel * taps + tap.index) * run
                    let x = tap.pixel * shape.channels + first
                    for k in 0..<run { sum += input[x + k] * weights[w + k] }
                }
                result.append(sum)
            }
        }
        return result
    }

    private func pool(
        _ input: [Double], _ shape: TensorShape, _ node: Node, _ window: Window,
        _ combine: ([(index: Int, value: Double)]) -> Double
    ) -> [Double] {
        (0..<node.shape.count).map { element in
            let (pixel, channel) = element.quotientAndRemainder(dividingBy: shape.channels)
            return combine(
                Self.taps(pixel, shape, node.shape, window).map {
                    ($0.index, input[$0.pixel * shape.channels + channel])
                })
        }
    }

    /// Taps of an output pixel that lie inside the input.
    private static func taps(
        _ pixel: Int, _ input: TensorShape, _ output: TensorShape, _ window: Window
    ) -> [(index: Int, pixel: Int)] {
        var taps: [(Int, Int)] = []
        for row in 0..<window.kernelHeight {
            for column in 0..<window.kernelWidth {
                let y =
                    pixel / output.width * window.strideHeight - window.padTop
                    + row * window.dilationHeight
                let x =
                    pixel % output.width * window.strideWidth - window.padLeft
                    + column * window.dilationWidth
                guard 0..<input.height ~= y, 0..<input.width ~= x else { continue }
                taps.append((row * window.kernelWidth + column, y * input.width + x))
            }
        }
        return taps
    }
}
