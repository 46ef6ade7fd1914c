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
        let from = node.inputs.compactMap { network.activations[$0].map(Self.bytes) }
        let to = network.activation(ofNode: index).map(Self.bytes)
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
        return node.operation.twin?.passes(network.twinCall(index, trace.values)) ?? []
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
            guard let twin = node.operation.twin else {
                guard let parameters = network.parameters[index],
                    case .convolution(let convolution) = node.operation
                else { return [] }
                let masked = ScalarReference.mask(
                    arrived, by: passes(index)[0], sums: &sums[ordinal(index)])
                contribute(
                    node.inputs[0],
                    ScalarReference.convolutionGradient(
                        masked, input: graph.shape(of: node.inputs[0]), output: node.shape,
                        convolution: convolution, weights: weights(parameters)))
                continue
            }
            let call = network.twinCall(index, trace.values)
            for (value, gradient) in zip(node.inputs, twin.gradients(arrived, call)) {
                contribute(value, gradient)
            }
        }
        return sums
    }

    private func ordinal(_ index: Int) -> Int {
        network.graph.nodes[..<index].filter { $0.convolution != nil }.count
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
