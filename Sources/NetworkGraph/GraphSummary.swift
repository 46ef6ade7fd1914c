// SPDX-License-Identifier: Apache-2.0

/// What `counterbias inspect` shows of a network: one row per node, and totals.
package struct GraphSummary: Hashable, Sendable, Codable {
    /// One node.
    package struct Row: Hashable, Sendable, Codable {
        /// Value id of the node's result.
        package var index: Int
        /// Of the node.
        package var name: String
        /// Operation in short, as ``Operation/kind(input:)`` gives it.
        package var kind: String
        /// Value ids read; the network's inputs come first.
        package var inputs: [Int]
        /// Extents of the first operand.
        package var inputShape: TensorShape
        /// Extents of the result.
        package var outputShape: TensorShape
        /// Applied to the result.
        package var clamp: Clamp
        /// Weights and biases.
        package var parameters: Int
        /// Multiplications with weights per image.
        package var macs: Int
    }

    /// Name of the graph in the file; may be empty.
    package var name: String
    /// In order of the graph.
    package var inputs: [Graph.Input]
    /// In order of the graph.
    package var outputs: [Graph.Output]
    /// By output.
    package var outputShapes: [TensorShape]
    /// One per node, in order of the graph.
    package var rows: [Row]
    /// Sum over the rows.
    package var parameters: Int
    /// Sum over the rows; saturates.
    package var macs: Int

    /// Rows and sums of a graph.
    package init(_ graph: Graph) {
        name = graph.name
        inputs = graph.inputs
        outputs = graph.outputs
        outputShapes = graph.outputs.map { graph.shape(of: $0.value) }
        rows = graph.nodes.enumerated().map { index, node in
            let inputShape = node.inputs.first.map(graph.shape(of:)) ?? node.shape
            let weights = node.weightCount(inputChannels: inputShape.channels)
            return Row(
                index: graph.value(of: index), name: node.name,
                kind: node.operation.kind(input: inputShape),
                inputs: node.inputs, inputShape: inputShape, outputShape: node.shape,
                clamp: node.clamp,
                parameters: weights == 0 ? 0 : weights + node.shape.channels,
                macs: saturatingProduct(weights, node.shape.pixels))
        }
        parameters = rows.reduce(0) { saturatingSum($0, $1.parameters) }
        macs = rows.reduce(0) { saturatingSum($0, $1.macs) }
    }
}

extension Node {
    /// Number of weights; 0 where the node is not a convolution.
    fileprivate func weightCount(inputChannels: Int) -> Int {
        guard let convolution else { return 0 }
        let taps = convolution.window.kernelHeight * convolution.window.kernelWidth
        return shape.channels * taps * (inputChannels / convolution.groups)
    }
}

private func saturatingProduct(_ left: Int, _ right: Int) -> Int {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? .max : product
}

private func saturatingSum(_ left: Int, _ right: Int) -> Int {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
}
