// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// The biases of all convolutions: the only thing a correction changes, and the state every round
/// hands on.
package struct BiasState: Hashable, Sendable {
    /// One array per convolution, in topological order; int32 values with scale `input scale *
    /// weight scale`.
    package var layers: [[Int32]]

    /// Memberwise; nothing is checked against a network.
    package init(layers: [[Int32]]) {
        self.layers = layers
    }

    /// The biases of a network as it is.
    package init(of network: QuantizedNetwork) {
        layers = network.parameters.compactMap { $0?.bias }
    }
}

extension QuantizedNetwork {
    /// The same network with other biases; weights, scales and zero points untouched.
    package func replacingBiases(_ state: BiasState) -> QuantizedNetwork {
        var copy = self
        for (layer, node) in graph.convolutions.enumerated() {
            copy.parameters[node]?.bias = state.layers[layer]
        }
        return copy
    }
}
