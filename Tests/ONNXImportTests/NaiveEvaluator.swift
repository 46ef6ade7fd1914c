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
            let call = TwinCall(
                inputs: node.inputs.map { values[$0] },
                shapes: node.inputs.map(network.graph.shape(of:)), shape: node.shape)
            var result = compute(node, call, network.parameters[index])
            if let lower = node.clamp.lower { result = result.map { max($0, Double(lower)) } }
            if let upper = node.clamp.upper { result = result.map { min($0, Double(upper)) } }
            precondition(result.count == node.shape.count)
            values.append(result)
        }
        return values[network.graph.outputs[0].value]
    }

    private func compute(
        _ node: Node, _ call: TwinCall<Double>, _ parameters: FloatParameters?
    ) -> [Double] {
        if let twin = node.operation.twin { return twin.doubles(call) }
        guard let convolution = node.convolution, let parameters else {
            preconditionFailure("a convolution without weights")
        }
        return convolution.doubles(
            call, weights: parameters.weights.map(Double.init),
            bias: parameters.bias.map(Double.init))
    }
}
