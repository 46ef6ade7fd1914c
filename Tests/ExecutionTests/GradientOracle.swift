// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization
import TestSupport

/// The straight-through estimator by definition: every node by its scalar twin, on the trace of the
/// integer oracle.
struct GradientOracle {
    let network: QuantizedNetwork
    let trace: IntegerOracle.Trace
    let biases: BiasState

    /// Where the gradient passes the output of a node, one list per mask of a `BackwardRecord`.
    func passes(_ index: Int) -> [[Bool]] {
        let node = network.graph.nodes[index]
        let inputs = node.inputs.map { trace.values[$0] }
        let from = node.inputs.compactMap { network.activations[$0].map(Self.bytes) }
        let to = network.activation(ofNode: index).map(Self.bytes)
        let shape = network.graph.shape(of: node.inputs[0])
        if let sums = trace.accumulators[index], let parameters = network.parameters[index] {
            let bias = biases.layers[ordinal(index)]
            let scales = bias.indices.map { from[0].scale * parameters.scale(channel: $0) }
            let requantization = to.map { to in
                Requantization(
                    multipliers: scales.map { $0 / to.scale }, zeroPoint: to.zeroPoint)
            }
            return [
                ScalarReference.passes(
                    sums, bias: bias, requantization: requantization, scales: scales,
                    clamp: node.clamp)
            ]
        }
        guard let to else { preconditionFailure("8-bit output") }
        switch node.operation {
        case .convolution, .maxPool, .activation, .resize, .rearrange, .take, .pad: return []
        case .multiply:
            return [
                ScalarReference.multiplyPasses(
                    inputs[0], from[0], inputs[1], from[1], result: to, clamp: node.clamp)
            ]
        case .localResponseNormalization(let lrn):
            return [
                ScalarReference.quantizePasses(
                    ScalarReference.localResponseNormalization(
                        lrn, real(node.inputs[0]), channels: shape.channels), result: to,
                    clamp: node.clamp)
            ]
        case .add:
            return [
                ScalarReference.addPasses(
                    inputs[0], from[0], inputs[1], from[1], result: to, clamp: node.clamp)
            ]
        case .concat, .clamp:
            return zip(inputs, from).map {
                ScalarReference.rescalingPasses($0, $1, result: to, clamp: node.clamp)
            }
        case .averagePool(let window, let countIncludePad):
            return [
                ScalarReference.averagePoolPasses(
                    inputs[0], from[0], shape: shape, window: window,
                    countIncludePad: countIncludePad, result: to, clamp: node.clamp)
            ]
        case .globalAveragePool:
            return [
                ScalarReference.globalAveragePoolPasses(
                    inputs[0], from[0], shape: shape, result: to, clamp: node.clamp)
            ]
        }
    }

    /// Gradients of all biases.
    func run(_ gradient: [Float]) -> [[Double]] {
        let graph = network.graph
        var sums = biases.layers.map { [Double](repeating: 0, count: $0.count) }
        var gradients = [[Float]?](repeating: nil, count: graph.valueCount)
        func contribute(_ value: ValueID, _ new: [Float]) {
            gradients[value] = gradients[value].map { zip($0, new).map { $0 + $1 } } ?? new
        }
        var rest = gradient[...]
        for output in graph.outputs {
            let count = graph.shape(of: output.value).count
            contribute(output.value, Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        for (index, node) in graph.nodes.enumerated().reversed() {
            guard let arrived = gradients[graph.value(of: index)] else { continue }
            let passes = passes(index)
            let shape = graph.shape(of: node.inputs[0])
            var unused = [Double](repeating: 0, count: node.shape.channels)
            switch node.operation {
            case .convolution(let convolution):
                guard let parameters = network.parameters[index] else { return [] }
                let masked = ScalarReference.mask(
                    arrived, by: passes[0], sums: &sums[ordinal(index)])
                contribute(
                    node.inputs[0],
                    ScalarReference.convolutionGradient(
                        masked, input: shape, output: node.shape, convolution: convolution,
                        weights: weights(parameters)))
            case .add:
                let masked = ScalarReference.mask(arrived, by: passes[0], sums: &unused)
                for value in node.inputs { contribute(value, masked) }
            case .multiply:
                let masked = ScalarReference.mask(arrived, by: passes[0], sums: &unused)
                let factors = node.inputs.compactMap { network.activations[$0].map(Self.bytes) }
                contribute(
                    node.inputs[0],
                    ScalarReference.multiplyGradient(
                        masked, other: trace.values[node.inputs[1]], factors[1]))
                let other = trace.values[node.inputs[0]]
                contribute(
                    node.inputs[1],
                    graph.broadcasts(node)
                        ? ScalarReference.multiplyGradientSum(
                            masked, other: other, factors[0], channels: shape.channels)
                        : ScalarReference.multiplyGradient(masked, other: other, factors[0]))
            case .activation(let function):
                contribute(
                    node.inputs[0],
                    ScalarReference.lookupGradient(
                        arrived, input: trace.values[node.inputs[0]],
                        slopes: slopes(of: function, index)))
            case .localResponseNormalization(let lrn):
                let masked = ScalarReference.mask(arrived, by: passes[0], sums: &unused)
                contribute(
                    node.inputs[0],
                    ScalarReference.localResponseNormalizationGradient(
                        masked, lrn, input: real(node.inputs[0]), channels: shape.channels))
            case .clamp:
                contribute(
                    node.inputs[0], ScalarReference.mask(arrived, by: passes[0], sums: &unused))
            case .concat(let axis):
                let shapes = node.inputs.map { graph.shape(of: $0) }
                // Which part each element of the result comes from.
                let parts = joined(
                    shapes.enumerated().map { [Int](repeating: $0, count: $1.count) }, shapes,
                    axis: axis)
                for (operand, value) in node.inputs.enumerated() {
                    let slice = zip(arrived, parts).filter { $0.1 == operand }.map(\.0)
                    var unused = [Double](repeating: 0, count: shapes[operand].channels)
                    contribute(
                        value, ScalarReference.mask(slice, by: passes[operand], sums: &unused))
                }
            case .maxPool(let window):
                let indices = ScalarReference.maxPoolIndices(
                    trace.values[node.inputs[0]], shape: shape, window: window)
                contribute(
                    node.inputs[0],
                    ScalarReference.maxPoolGradient(
                        arrived, indices: indices, shape: shape, window: window))
            case .averagePool(let window, let countIncludePad):
                contribute(
                    node.inputs[0],
                    ScalarReference.averagePoolGradient(
                        ScalarReference.mask(arrived, by: passes[0], sums: &unused), shape: shape,
                        window: window, countIncludePad: countIncludePad))
            case .resize, .rearrange, .take, .pad:
                var sums = [Float](repeating: 0, count: shape.count)
                let sources = moved(
                    Array(0..<shape.count), by: node.operation, shape, filler: -1)
                for (source, value) in zip(sources ?? [], arrived) where source >= 0 {
                    sums[source] += value
                }
                contribute(node.inputs[0], sums)
            case .globalAveragePool:
                contribute(
                    node.inputs[0],
                    ScalarReference.globalAveragePoolGradient(
                        ScalarReference.mask(arrived, by: passes[0], sums: &unused), shape: shape))
            }
        }
        return sums
    }

    private func ordinal(_ index: Int) -> Int {
        network.graph.nodes[..<index].filter { $0.convolution != nil }.count
    }

    /// For each stored value of an activation's input; those that do not pass have 0.
    func slopes(of function: ActivationFunction, _ index: Int) -> [Float] {
        let node = network.graph.nodes[index]
        guard let from = network.activations[node.inputs[0]],
            let to = network.activation(ofNode: index)
        else { return [] }
        let inputs = ScalarReference.dequantize(
            (0...255).map { UInt8($0) }, scale: from.scale, zeroPoint: Self.bytes(from).zeroPoint)
        let passes = ScalarReference.quantizePasses(
            ScalarReference.activation(function, inputs), result: Self.bytes(to), clamp: node.clamp)
        return zip(inputs, passes).map { $1 ? function.slope(at: $0) : 0 }
    }

    private func real(_ value: ValueID) -> [Float] {
        guard let quantization = network.activations[value].map(Self.bytes) else { return [] }
        return ScalarReference.dequantize(
            trace.values[value], scale: quantization.scale, zeroPoint: quantization.zeroPoint)
    }

    private func weights(_ parameters: QuantizedParameters) -> [Float] {
        let taps = parameters.weights.count / parameters.bias.count
        return parameters.weights.enumerated().map { index, weight in
            Float(Int(weight) - parameters.zeroPoint(channel: index / taps))
                * parameters.scale(channel: index / taps)
        }
    }

    static func bytes(_ quantization: TensorQuantization) -> ByteQuantization {
        ByteQuantization(
            scale: quantization.scale,
            zeroPoint: UInt8(quantization.zeroPoint + quantization.type.offset))
    }
}
