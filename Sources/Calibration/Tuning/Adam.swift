// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Adam with bias correction (Kingma, Ba, arXiv 1412.6980) as `torch.optim.Adam` computes it,
/// without weight decay and AMSGrad.
///
/// A gradient of zeros lets the moments decay; parameters still follow what is left of the first
/// moment, as they do in PyTorch, and stay where they are when both moments are zero.
package struct Adam: Hashable, Sendable {
    /// Decay of the first moment, in [0, 1).
    package var beta1: Double
    /// Decay of the second moment, in [0, 1).
    package var beta2: Double
    /// Added to the root of the second moment; above 0.
    package var epsilon: Double

    /// Memberwise; `TuningOptions.validate` checks the ranges.
    package init(beta1: Double, beta2: Double, epsilon: Double) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// `m += (1-β₁)(g-m)`, `v = β₂v + (1-β₂)g²`, `p -= lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε)`.
    package func step(
        _ parameters: inout [Double], gradients: [Double], rate: Double,
        state: inout OptimizerState
    ) {
        precondition(parameters.count == gradients.count && state.first.count == gradients.count)
        precondition(state.second.count == gradients.count)
        state.steps += 1
        let stepSize = rate / (1 - Transcendental.power(beta1, state.steps))
        let correction = (1 - Transcendental.power(beta2, state.steps)).squareRoot()
        for index in parameters.indices {
            let gradient = gradients[index]
            let first = state.first[index] + (1 - beta1) * (gradient - state.first[index])
            let second = beta2 * state.second[index] + (1 - beta2) * gradient * gradient
            state.first[index] = first
            state.second[index] = second
            parameters[index] -= stepSize * (first / (second.squareRoot() / correction + epsilon))
        }
    }
}
