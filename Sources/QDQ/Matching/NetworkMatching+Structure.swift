// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// What a quantizer, or what runs before it, takes apart: nodes of the float network become several
/// that compute the same, as the quantized network has them.
extension NetworkMatching {
    /// The float node for a quantized one that is a part of what the float network has as a whole.
    /// - Parameters:
    ///   - node: of the quantized network.
    ///   - inputs: its counterparts' in the float network.
    /// - Returns: the node's index; nil where there is no such whole.
    mutating func restructured(for node: Node, inputs: [ValueID]) -> Int? {
        switch node.operation {
        case .activation(let gate): splitProduct(with: gate, of: inputs[0])
        case .averagePool, .globalAveragePool:
            spread(node.operation, over: inputs[0])
        default: nil
        }
    }

    /// `hardSwish(x)` becomes `x * hardSigmoid(x)`, `silu(x)` becomes `x * sigmoid(x)`: the same
    /// products.
    private mutating func splitProduct(
        with gate: ActivationFunction, of value: ValueID
    ) -> Int? {
        guard
            let index = original.graph.nodes.indices.first(where: {
                guard case .activation(let function) = original.graph.nodes[$0].operation else {
                    return false
                }
                return !matched.contains($0) && original.graph.nodes[$0].inputs == [value]
                    && function.gate == gate
            })
        else { return nil }
        let whole = original.graph.nodes[index]
        var (factor, product) = (whole, whole)
        factor.operation = .activation(gate)
        factor.clamp = .none
        product.operation = .multiply
        product.inputs = [value, original.graph.value(of: index)]
        replace(index, by: [(factor, nil), (product, nil)])
        return index
    }

    /// A pool of a concatenation becomes the concatenation of pools: both treat every channel
    /// alone.
    private mutating func spread(_ pool: Operation, over value: ValueID) -> Int? {
        let (nodes, readers) = (original.graph.nodes, original.graph.consumers)
        guard
            let index = nodes.indices.first(where: { index in
                guard nodes[index].operation == pool, let joined = nodes[index].inputs.first,
                    let join = original.graph.node(of: joined),
                    nodes[join].operation == .concat(axis: TensorShape.channelAxis)
                else { return false }
                return !matched.contains(index) && !matched.contains(join)
                    && nodes[join].clamp == .none && readers[joined] == [index]
                    && !original.graph.isOutput(joined) && nodes[join].inputs.contains(value)
            }), let joined = original.graph.node(of: nodes[index].inputs[0])
        else { return nil }
        let whole = nodes[index]
        let operands = nodes[joined].inputs
        var parts = operands.map { operand in
            var part = whole
            part.inputs = [operand]
            part.clamp = .none
            part.shape.channels = original.graph.shape(of: operand).channels
            return (part, FloatParameters?.none)
        }
        var join = nodes[joined]
        join.inputs = operands.indices.map { original.graph.value(of: index + $0) }
        join.shape = whole.shape
        join.clamp = whole.clamp
        parts.append((join, nil))
        replace(index, by: parts)
        remove(joined)
        return operands.firstIndex(of: value).map { index - 1 + $0 }
    }

    // MARK: Biases behind a quantizer

    /// Whether a quantized node is a constant, and the addition behind its layer's quantizer what
    /// the float network has as the layer's bias.
    func takesConstant(_ index: Int) -> Bool {
        let node = quantized.graph.nodes[index]
        guard let parameters = quantized.parameters[index], parameters.isConstant,
            let value = node.inputs.first, quantized.graph.node(of: value) != nil,
            counterparts[value].clamp == .none
        else { return false }
        let whole = counterparts[value].value
        guard let layer = original.graph.node(of: whole) else { return false }
        return original.graph.nodes[layer].convolution != nil
            && original.graph.nodes[layer].shape == node.shape
            && !original.graph.nodes.contains { $0.inputs.contains(whole) && $0.isPointwise }
    }

    /// `w x + b` becomes the layer `w x + 0`, the constant b and the addition of both. One rounding
    /// is made as before.
    mutating func splitBias(_ index: Int) {
        let value = quantized.graph.nodes[index].inputs[0]
        let result = counterparts[value].value
        guard let layer = original.graph.node(of: result),
            let read = quantized.graph.node(of: value),
            var weights = original.parameters[layer]
        else {
            preconditionFailure("a layer without weights")
        }
        var (product, sum) = (original.graph.nodes[layer], original.graph.nodes[layer])
        product.clamp = .none
        var constant = quantized.graph.nodes[index]
        constant.name = product.name
        constant.inputs = [result]
        sum.operation = .add
        sum.inputs = [result, result + 1]
        let bias = FloatParameters(
            weights: [Float](repeating: 0, count: weights.bias.count), bias: weights.bias)
        weights.bias = [Float](repeating: 0, count: weights.bias.count)
        replace(layer, by: [(product, weights), (constant, bias), (sum, nil)])
        parameters[read] = weights
    }

    // MARK: Renumbering

    /// Puts nodes in the place of one. The last computes what it did; the first keeps its
    /// counterpart.
    private mutating func replace(_ index: Int, by nodes: [(Node, FloatParameters?)]) {
        let added = nodes.count - 1
        let value = original.graph.value(of: index)
        renumber { $0 >= value ? $0 + added : $0 }
        for counterpart in counterparts.indices where counterparts[counterpart].value > value {
            counterparts[counterpart].value += added
        }
        matched = Set(matched.map { $0 > index ? $0 + added : $0 })
        original.graph.nodes.replaceSubrange(index...index, with: nodes.map(\.0))
        original.parameters.replaceSubrange(index...index, with: nodes.map(\.1))
    }

    /// Removes a node that nothing reads and that has no counterpart.
    private mutating func remove(_ index: Int) {
        let value = original.graph.value(of: index)
        renumber { $0 > value ? $0 - 1 : $0 }
        for counterpart in counterparts.indices where counterparts[counterpart].value > value {
            counterparts[counterpart].value -= 1
        }
        matched = Set(matched.map { $0 > index ? $0 - 1 : $0 })
        original.graph.nodes.remove(at: index)
        original.parameters.remove(at: index)
    }

    private mutating func renumber(_ number: (ValueID) -> ValueID) {
        for node in original.graph.nodes.indices {
            original.graph.nodes[node].inputs = original.graph.nodes[node].inputs.map(number)
        }
        for output in original.graph.outputs.indices {
            let value = original.graph.outputs[output].value
            original.graph.outputs[output].value = number(value)
        }
    }
}

extension ActivationFunction {
    /// What the function multiplies its argument with, where it is such a product.
    fileprivate var gate: ActivationFunction? {
        switch self {
        case .hardSwish: .hardSigmoid(alpha: 1 / 6, beta: 0.5)
        case .silu: .sigmoid
        default: nil
        }
    }
}

extension Node {
    /// A depthwise convolution of single pixels.
    fileprivate var isPointwise: Bool {
        convolution?.groups == shape.channels
            && convolution?.window == Window(kernelHeight: 1, kernelWidth: 1)
    }
}

extension QuantizedParameters {
    /// All weights stand for zero, so that the result is the bias.
    var isConstant: Bool {
        let taps = weights.count / bias.count
        return weights.indices.allSatisfy {
            Int(weights[$0]) == zeroPoint(channel: $0 / max(taps, 1))
        }
    }
}
