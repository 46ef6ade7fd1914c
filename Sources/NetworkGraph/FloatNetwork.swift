// SPDX-License-Identifier: Apache-2.0

/// Weights and bias of one convolution.
package struct FloatParameters: Hashable, Sendable {
    /// `[outputChannels, kernelHeight, kernelWidth, inputChannels / groups]`, finite.
    package var weights: [Float]
    /// One per output channel, finite; negative zero is stored as zero, so that skipping padding
    /// never shows in the bits of a result.
    package var bias: [Float]

    /// Parameters as given, but for a negative zero of the bias, which becomes zero.
    package init(weights: [Float], bias: [Float]) {
        self.weights = weights
        self.bias = bias.map { $0 + 0 }
    }
}

/// The float network: a folded graph and its parameters.
package struct FloatNetwork: Hashable, Sendable {
    /// Structure, without weights.
    package var graph: Graph
    /// One entry per node; nil where the node is not a convolution.
    package var parameters: [FloatParameters?]

    /// A network of a graph; `parameters` has one entry per node.
    package init(graph: Graph, parameters: [FloatParameters?]) {
        precondition(parameters.count == graph.nodes.count)
        self.graph = graph
        self.parameters = parameters
    }
}
