// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

extension Graph {
    /// Why this graph cannot run, as far as its structure tells; nil if it can. Executors rely on
    /// what is checked here: they compute addresses from these numbers.
    var fault: String? {
        guard !inputs.isEmpty, !outputs.isEmpty else { return "it has no inputs or no outputs" }
        for output in outputs where !(0..<valueCount).contains(output.value) {
            return "output '\(output.name)' is no value"
        }
        for input in inputs where !input.shape.isWithinLimits {
            return "input '\(input.name)' has the shape \(input.shape)"
        }
        for (index, node) in nodes.enumerated() {
            guard !node.inputs.isEmpty,
                node.inputs.allSatisfy({ (0..<value(of: index)).contains($0) })
            else {
                return "node '\(node.name)' reads a value that does not precede it"
            }
            // Kernels take the bounds as they are. JSON has no others than finite ones.
            if let lower = node.clamp.lower, let upper = node.clamp.upper, !(lower <= upper) {
                return "node '\(node.name)' has the clamp \(node.clamp)"
            }
            do throws(OperatorFault) {
                let shape = try node.operation.outputShape(
                    of: node.inputs.map(shape(of:)), outputChannels: node.shape.channels)
                guard shape == node.shape else {
                    return "node '\(node.name)' gives \(shape), not \(node.shape)"
                }
            } catch {
                return "node '\(node.name)' \(error)"
            }
        }
        return nil
    }

    /// Weights of a node of a graph without fault, nil if it has none.
    func weightCount(_ node: Node) -> Int? {
        guard let convolution = node.convolution else { return nil }
        let window = convolution.window
        return node.shape.channels * window.kernelHeight * window.kernelWidth
            * (shape(of: node.inputs[0]).channels / convolution.groups)
    }
}
