// SPDX-License-Identifier: Apache-2.0

/// An elementwise function that is no clamp, as Float arithmetic defines it: the bits of ONNX
/// Runtime.
package enum ActivationFunction: Hashable, Sendable, Codable {
    /// `max(0, min(1, alpha * x + beta))`, product and sum rounded apart (ONNX HardSigmoid). Both
    /// numbers are finite.
    case hardSigmoid(alpha: Float, beta: Float)
    /// `x * hardSigmoid(x)` with `alpha` 1/6 and `beta` 1/2 (ONNX HardSwish).
    case hardSwish
    /// `1 / (1 + e^-x)` (ONNX Sigmoid, opset 13).
    case sigmoid
    /// `x / (1 + e^-x)`, which exporters write as a Sigmoid and a Mul.
    case silu
    /// `2 / (1 + e^-2x) - 1` (ONNX Tanh, opset 13).
    case tanh
    /// `x` from 0 on, `alpha * x` below (ONNX LeakyRelu, opset 16). Alpha is finite.
    case leakyRelu(alpha: Float)
    /// Any other.
    case smooth(SmoothFunction)

    /// The gate of ``hardSwish``.
    private static let gate = hardSigmoid(alpha: 1 / 6, beta: 0.5)

    /// The function's value; the scalar twin of the kernels.
    package func value(at x: Float) -> Float {
        switch self {
        case .hardSigmoid(let alpha, let beta):
            let value = alpha * x + beta
            let positive = value > 0 ? value : 0
            return positive < 1 ? positive : 1
        case .hardSwish:
            return x * Self.gate.value(at: x)
        case .sigmoid: return FloatFunctions.logistic(x)
        case .silu: return x * FloatFunctions.logistic(x)
        case .tanh: return 2 * FloatFunctions.logistic(2 * x) - 1
        case .leakyRelu(let alpha): return x > 0 ? x : alpha * x
        case .smooth(let function): return Float(function.value(at: Double(x)))
        }
    }

    /// The function's derivative; 0 at both kinks of ``hardSigmoid(alpha:beta:)``, and what that
    /// gives for ``hardSwish``.
    package func slope(at x: Float) -> Float {
        switch self {
        case .hardSigmoid(let alpha, let beta):
            let value = alpha * x + beta
            return value > 0 && value < 1 ? alpha : 0
        case .hardSwish:
            return Self.gate.value(at: x) + x * Self.gate.slope(at: x)
        case .sigmoid:
            let value = FloatFunctions.logistic(x)
            return value * (1 - value)
        case .silu:
            let gate = FloatFunctions.logistic(x)
            return gate + x * (gate * (1 - gate))
        case .tanh:
            let value = value(at: x)
            return 1 - value * value
        case .leakyRelu(let alpha): return x > 0 ? 1 : alpha
        case .smooth(let function): return Float(function.slope(at: Double(x)))
        }
    }
}

extension ActivationFunction {
    /// Whether all numbers are finite.
    package var isValid: Bool {
        switch self {
        case .hardSigmoid(let alpha, let beta): alpha.isFinite && beta.isFinite
        case .leakyRelu(let alpha): alpha.isFinite
        case .smooth(let function): function.isValid
        case .hardSwish, .sigmoid, .silu, .tanh: true
        }
    }
}

extension ActivationFunction: OperatorForm {
    /// The name in words: `hard sigmoid`.
    package func kind(input: TensorShape) -> String {
        switch self {
        case .hardSigmoid: "hard sigmoid"
        case .hardSwish: "hard swish"
        case .sigmoid: "sigmoid"
        case .silu: "silu"
        case .tanh: "tanh"
        case .leakyRelu: "leaky relu"
        case .smooth(let function): function.name
        }
    }

    /// The operand's extents.
    /// - Throws: ``OperatorFault`` where a number is not finite, or there is not one operand.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        guard isValid else { throw OperatorFault("has an alpha or beta that is not finite") }
        return try operands.single()
    }

    /// Always of functions whose values begin at 0; else where the operand is not negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool {
        switch self {
        case .hardSigmoid, .sigmoid: true
        case .hardSwish, .silu, .tanh, .leakyRelu: operands.allSatisfy(\.self)
        case .smooth(let function): function.isNonNegative
        }
    }

    /// Where values cannot leave a range, no image is asked for it.
    package var resultQuantization: ResultQuantization {
        switch self {
        case .sigmoid: .fixed(scale: 1 / 256, zeroPoint: 0)
        case .tanh: .fixed(scale: 1 / 128, zeroPoint: 128)
        case .hardSigmoid, .hardSwish, .silu, .leakyRelu, .smooth: .ownRange
        }
    }
}
