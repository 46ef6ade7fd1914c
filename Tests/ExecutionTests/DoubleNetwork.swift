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
        var maxima: [[Int?]] = []
    }

    func run(_ input: [Double]) -> Trace {
        var trace = Trace()
        trace.values = [input]
        for (index, node) in graph.nodes.enumerated() {
            let call = TwinCall(
                inputs: node.inputs.map { trace.values[$0] },
                shapes: node.inputs.map(graph.shape(of:)), shape: node.shape)
            let result =
                node.operation.twin?.doubles(call) ?? convolve(call, node.operation, index)
            trace.before.append(result)
            if case .maxPool(let window) = node.operation {
                trace.maxima.append(MaxPool(window: window).firstMaxima(call))
            } else {
                trace.maxima.append([])
            }
            trace.values.append(
                result.map {
                    min(
                        max($0, node.clamp.lower.map(Double.init) ?? -.infinity),
                        node.clamp.upper.map(Double.init) ?? .infinity)
                })
        }
        return trace
    }

    private func convolve(
        _ call: TwinCall<Double>, _ operation: NetworkGraph.Operation, _ index: Int
    ) -> [Double] {
        guard case .convolution(let convolution) = operation, let weights = weights[index],
            let biases = biases[index]
        else { return [] }
        return convolution.doubles(call, weights: weights, bias: biases)
    }
}
