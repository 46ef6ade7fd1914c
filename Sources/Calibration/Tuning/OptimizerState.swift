// SPDX-License-Identifier: Apache-2.0

/// What an optimizer remembers between steps: enough, with its settings, to go on with equal bits.
package struct OptimizerState: Hashable, Sendable {
    /// Steps taken since the moments were zero.
    package var steps: Int
    /// One element per parameter: Adam's first moment, or SGD's momentum buffer.
    package var first: [Double]
    /// Adam's second moment; empty for SGD.
    package var second: [Double]

    /// Memberwise, unchecked.
    package init(steps: Int, first: [Double], second: [Double]) {
        self.steps = steps
        self.first = first
        self.second = second
    }

    /// False once a moment has overflowed, which freezes its parameter for good.
    package var isFinite: Bool { first.allSatisfy(\.isFinite) && second.allSatisfy(\.isFinite) }
}

extension TuningOptions.Optimizer {
    /// State before the first step.
    package func initialState(parameters: Int) -> OptimizerState {
        let zeros = [Double](repeating: 0, count: parameters)
        switch self {
        case .adam: return OptimizerState(steps: 0, first: zeros, second: zeros)
        case .sgd: return OptimizerState(steps: 0, first: zeros, second: [])
        }
    }

    /// Whether `state` is one of this optimizer for that many parameters.
    package func fits(_ state: OptimizerState, parameters: Int) -> Bool {
        let initial = initialState(parameters: parameters)
        return state.steps >= 0 && state.first.count == initial.first.count
            && state.second.count == initial.second.count
    }

    /// One step, in place, with one gradient per parameter and the learning rate of this step.
    package func step(
        _ parameters: inout [Double], gradients: [Double], rate: Double,
        state: inout OptimizerState
    ) {
        switch self {
        case .adam(let beta1, let beta2, let epsilon):
            Adam(beta1: beta1, beta2: beta2, epsilon: epsilon).step(
                &parameters, gradients: gradients, rate: rate, state: &state)
        case .sgd(let momentum):
            SGD(momentum: momentum).step(
                &parameters, gradients: gradients, rate: rate, state: &state)
        }
    }
}
