// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kernels
package import NetworkGraph

extension ActivationFunction: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] { call.inputs[0].map(value) }

    private func value(_ x: Double) -> Double {
        switch self {
        case .hardSigmoid(let alpha, let beta): min(max(Double(alpha) * x + Double(beta), 0), 1)
        case .hardSwish: x * min(max(x + 3, 0), 6) / 6
        case .sigmoid: 1 / (1 + exp(-x))
        case .silu: x / (1 + exp(-x))
        case .tanh: Foundation.tanh(x)
        case .leakyRelu(let alpha): x > 0 ? x : Double(alpha) * x
        case .smooth(let function): function.byDefinition(x)
        }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.activation(self, call.inputs[0])
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] { [] }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        [
            ScalarReference.lookupGradient(
                arrived, input: call.inputs[0], slopes: slopes(call))
        ]
    }

    /// For each stored value of the operand; those that do not pass have 0.
    package func slopes(_ call: ByteTwinCall) -> [Float] {
        let inputs = ScalarReference.dequantize(
            (0...255).map { UInt8($0) }, scale: call.from[0].scale,
            zeroPoint: call.from[0].zeroPoint)
        let passes = ScalarReference.quantizePasses(
            ScalarReference.activation(self, inputs), result: call.free, clamp: call.clamp)
        return zip(inputs, passes).map { $1 ? slope(at: $0) : 0 }
    }
}

extension SmoothFunction {
    /// With the functions of libm.
    package func byDefinition(_ x: Double) -> Double {
        switch self {
        case .elu(let alpha): x > 0 ? x : Double(alpha) * expm1(x)
        case .celu(let alpha): max(0, x) + min(0, Double(alpha) * expm1(x / Double(alpha)))
        case .selu(let alpha, let gamma):
            Double(gamma) * (x > 0 ? x : Double(alpha) * expm1(x))
        case .softplus: max(x, 0) + log1p(Foundation.exp(-Swift.abs(x)))
        case .softsign: x / (1 + Swift.abs(x))
        case .exp: Foundation.exp(x)
        case .abs: Swift.abs(x)
        case .erf: Foundation.erf(x)
        case .thresholdedRelu(let alpha): x > Double(alpha) ? x : 0
        }
    }
}
