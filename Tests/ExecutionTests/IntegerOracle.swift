// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph
import Quantization
import TestSupport

/// The quantized network by definition, every node by its scalar twin.
struct IntegerOracle {
    let network: QuantizedNetwork

    /// What every node gives for one image, and the output as real values.
    struct Trace {
        /// Stored values by value id; empty for a float output.
        var values: [[UInt8]]
        /// By node; nil where the node is not a convolution.
        var accumulators: [[Int32]?]
        var output: [Float]
    }

    func run(_ input: [Float], biases: BiasState) -> Trace {
        let graph = network.graph
        var trace = Trace(values: [], accumulators: [], output: [])
        var floats: [ValueID: [Float]] = [:]
        var rest = input[...]
        for (value, end) in graph.inputs.enumerated() {
            guard let to = network.activations[value] else { preconditionFailure("8-bit input") }
            trace.values.append(
                ScalarReference.quantize(
                    Array(rest.prefix(end.shape.count)), scale: to.scale,
                    zeroPoint: UInt8(to.zeroPoint + to.type.offset)))
            rest = rest.dropFirst(end.shape.count)
        }
        var layer = 0
        for (index, node) in graph.nodes.enumerated() {
            guard case .convolution(let convolution) = node.operation,
                let parameters = network.parameters[index],
                let from = network.activations[node.inputs[0]]
            else {
                trace.accumulators.append(nil)
                trace.values.append(compute(node, index, trace.values))
                continue
            }
            let sums = ScalarReference.accumulate(
                trace.values[node.inputs[0]], input: graph.shape(of: node.inputs[0]),
                output: node.shape, convolution: convolution, weights: centred(parameters),
                inputZeroPoint: UInt8(from.zeroPoint + from.type.offset))
            trace.accumulators.append(sums)
            let bias = biases.layers[layer]
            layer += 1
            let scales = bias.indices.map { from.scale * parameters.scale(channel: $0) }
            if let to = network.activation(ofNode: index) {
                let result = ByteQuantization(twin: to, clamp: node.clamp)
                trace.values.append(
                    ScalarReference.requantize(
                        sums, bias: bias,
                        requantization: Requantization(
                            multipliers: scales.map { $0 / to.scale }, zeroPoint: result.zeroPoint,
                            lower: result.lower, upper: result.upper)))
            } else {
                trace.values.append([])
                floats[graph.value(of: index)] = ScalarReference.clamp(
                    ScalarReference.dequantizeAccumulators(sums, bias: bias, scales: scales),
                    clamp: node.clamp)
            }
        }
        for output in graph.outputs {
            guard let quantization = network.activations[output.value] else {
                trace.output += floats[output.value] ?? []
                continue
            }
            trace.output += ScalarReference.dequantize(
                trace.values[output.value], scale: quantization.scale,
                zeroPoint: UInt8(quantization.zeroPoint + quantization.type.offset))
        }
        return trace
    }

    private func compute(_ node: Node, _ index: Int, _ values: [[UInt8]]) -> [UInt8] {
        guard let twin = node.operation.twin else { preconditionFailure("has weights") }
        return twin.bytes(network.twinCall(index, values))
    }

    private func centred(_ parameters: QuantizedParameters) -> [Int16] {
        let taps = parameters.weights.count / parameters.bias.count
        return parameters.weights.enumerated().map { index, weight in
            weight - Int16(parameters.zeroPoint(channel: index / taps))
        }
    }
}

extension QuantizedNetwork {
    /// What a node without weights reads and gives.
    func twinCall(_ index: Int, _ values: [[UInt8]]) -> ByteTwinCall {
        let node = graph.nodes[index]
        guard let target = activation(ofNode: index) else { preconditionFailure("8-bit output") }
        return ByteTwinCall(
            inputs: node.inputs.map { values[$0] },
            from: node.inputs.compactMap { activations[$0].map(GradientOracle.bytes) },
            shapes: node.inputs.map(graph.shape(of:)), shape: node.shape, target: target,
            clamp: node.clamp)
    }
}
