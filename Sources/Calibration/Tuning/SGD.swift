// SPDX-License-Identifier: Apache-2.0

/// Gradient descent with momentum as `torch.optim.SGD` computes it: no dampening, no weight decay,
/// no Nesterov step.
package struct SGD: Hashable, Sendable {
    /// In [0, 1); 0 is plain gradient descent.
    package var momentum: Double

    /// Memberwise; `TuningOptions.validate` checks the range.
    package init(momentum: Double) { self.momentum = momentum }

    /// `b = momentum · b + g`, `p -= lr · b`.
    package func step(
        _ parameters: inout [Double], gradients: [Double], rate: Double,
        state: inout OptimizerState
    ) {
        precondition(parameters.count == gradients.count && state.first.count == gradients.count)
        state.steps += 1
        for index in parameters.indices {
            state.first[index] = momentum * state.first[index] + gradients[index]
            parameters[index] -= rate * state.first[index]
        }
    }
}
