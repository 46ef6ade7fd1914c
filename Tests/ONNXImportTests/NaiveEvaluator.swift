// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import TestSupport

/// Evaluates a float network by definition: plain loops in Double, nothing shared with the
/// executors.
struct NaiveEvaluator {
    let network: FloatNetwork

    /// - Parameter input: one image, `[H][W][C]`.
    /// - Returns: the output value, `[H][W][C]`.
    func run(_ input: [Double]) -> [Double] {
        var values = [input]
        for (index, node) in network.graph.nodes.enumerated() {
            let inputs = node.inputs.map { values[$0] }
            let shapes = node.inputs.map { network.graph.shape(of: $0) }
            var result = compute(
                node, inputs: inputs, shapes: shapes, parameters: network.parameters[index])
            if let lower = node.clamp.lower { result = result.map { max($0, Double(lower)) } }
            if let upper = node.clamp.upper { result = result.map { min($0, Double(upper)) } }
            precondition(result.count == node.shape.count)
            values.append(result)
        }
        return values[network.graph.outputs[0].value]
    }

    private func compute(
        _ node: Node, inputs: [[Double]], shapes: [TensorShape], parameters: FloatParameters?
    ) -> [Double] {
        let shape = shapes[0]
        switch node.operation {
        case .convolution(let convolution):
            guard let parameters else { preconditionFailure("a convolution without weights") }
            return convolve(
                convolution, inputs[0], shape, parameters: parameters, output: node.shape)
        case .add: return zip(inputs[0], inputs[1]).map(+)
        case .clamp: return inputs[0]
        case .resize, .rearrange, .take:
            return moved(inputs[0], by: node.operation, shape, filler: 0) ?? []
        case .pad(let pad):
            return moved(inputs[0], by: node.operation, shape, filler: Double(pad.value)) ?? []
        case .multiply:
            return inputs[0].indices.map { inputs[0][$0] * inputs[1][$0 % inputs[1].count] }
        case .activation(.hardSigmoid(let alpha, let beta)):
            return inputs[0].map { min(max(Double(alpha) * $0 + Double(beta), 0), 1) }
        case .activation(.sigmoid): return inputs[0].map { 1 / (1 + exp(-$0)) }
        case .activation(.silu): return inputs[0].map { $0 / (1 + exp(-$0)) }
        case .activation(.tanh): return inputs[0].map { tanh($0) }
        case .activation(.leakyRelu(let alpha)):
            return inputs[0].map { $0 > 0 ? $0 : Double(alpha) * $0 }
        case .activation(.hardSwish): return inputs[0].map { $0 * min(max($0 + 3, 0), 6) / 6 }
        case .localResponseNormalization(let lrn): return normalize(lrn, inputs[0], shape.channels)
        case .concat(let axis): return joined(inputs, shapes, axis: axis)
        case .globalAveragePool:
            return (0..<shape.channels).map { channel in
                let column = stride(from: channel, to: inputs[0].count, by: shape.channels)
                return column.reduce(0) { $0 + inputs[0][$1] } / Double(shape.pixels)
            }
        case .maxPool(let window):
            return pool(inputs[0], shape, window, output: node.shape) { taps, _ in
                taps.max() ?? -.infinity
            }
        case .averagePool(let window, let countIncludePad):
            return pool(inputs[0], shape, window, output: node.shape) { taps, all in
                taps.reduce(0, +) / Double(countIncludePad ? all : taps.count)
            }
        }
    }

    private func normalize(
        _ lrn: LocalResponseNormalization, _ input: [Double], _ channels: Int
    ) -> [Double] {
        input.indices.map { index in
            let channel = index % channels
            var sum = 0.0
            for offset in -(lrn.size / 2)...lrn.size / 2
            where (0..<channels).contains(channel + offset) {
                sum += input[index + offset] * input[index + offset]
            }
            let base = Double(lrn.bias) + Double(lrn.alpha) / Double(lrn.size) * sum
            return input[index] * pow(base, -Double(lrn.beta))
        }
    }

    private func convolve(
        _ convolution: Convolution, _ input: [Double], _ shape: TensorShape,
        parameters: FloatParameters, output: TensorShape
    ) -> [Double] {
        let window = convolution.window
        let channels = shape.channels / convolution.groups
        let outputs = output.channels / convolution.groups
        let weightTaps = window.kernelHeight * window.kernelWidth
        var result: [Double] = []
        // Pointers, since this is run on whole networks without optimization.
        input.withUnsafeBufferPointer { input in
            parameters.weights.withUnsafeBufferPointer { weights in
                for pixel in 0..<output.pixels {
                    let taps = taps(window, pixel / output.width, pixel % output.width, shape)
                    for channel in 0..<output.channels {
                        var sum = Double(parameters.bias[channel])
                        for (y, x, tap) in taps {
                            var source = (y * shape.width + x) * shape.channels
                            source += channel / outputs * channels
                            var weight = (channel * weightTaps + tap) * channels
                            let end = weight + channels
                            while weight < end {
                                sum += input[source] * Double(weights[weight])
                                source += 1
                                weight += 1
                            }
                        }
                        result.append(sum)
                    }
                }
            }
        }
        return result
    }

    private func pool(
        _ input: [Double], _ shape: TensorShape, _ window: Window, output: TensorShape,
        _ reduce: ([Double], Int) -> Double
    ) -> [Double] {
        var result: [Double] = []
        for row in 0..<output.height {
            for column in 0..<output.width {
                let taps = taps(window, row, column, shape)
                for channel in 0..<shape.channels {
                    let values = taps.map { y, x, _ in
                        input[(y * shape.width + x) * shape.channels + channel]
                    }
                    result.append(reduce(values, window.kernelHeight * window.kernelWidth))
                }
            }
        }
        return result
    }

    /// Positions inside the image that a window reads, with the index of the tap.
    private func taps(
        _ window: Window, _ row: Int, _ column: Int, _ shape: TensorShape
    ) -> [(y: Int, x: Int, tap: Int)] {
        var taps: [(Int, Int, Int)] = []
        for ky in 0..<window.kernelHeight {
            let y = row * window.strideHeight - window.padTop + ky * window.dilationHeight
            for kx in 0..<window.kernelWidth {
                let x = column * window.strideWidth - window.padLeft + kx * window.dilationWidth
                if (0..<shape.height).contains(y), (0..<shape.width).contains(x) {
                    taps.append((y, x, ky * window.kernelWidth + kx))
                }
            }
        }
        return taps
    }
}
