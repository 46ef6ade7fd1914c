// SPDX-License-Identifier: Apache-2.0

/// An elementwise function that is no clamp, as Float arithmetic defines it: the bits of ONNX
/// Runtime.
package enum ActivationFunction: Hashable, Sendable, Codable {
    /// `max(0, min(1, alpha * x + beta))`, product and sum rounded apart (ONNX HardSigmoid). Both
    /// numbers are finite.
    case hardSigmoid(alpha: Float, beta: Float)
    /// `x * hardSigmoid(x)` with `alpha` 1/6 and `beta` 1/2 (ONNX HardSwish).
    case hardSwish

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
        }
    }
}

extension ActivationFunction {
    /// Whether all numbers are finite.
    package var isValid: Bool {
        switch self {
        case .hardSigmoid(let alpha, let beta): alpha.isFinite && beta.isFinite
        case .hardSwish: true
        }
    }
}

extension ActivationFunction: OperatorForm {
    package func kind(input: FeatureShape) -> String {
        switch self {
        case .hardSigmoid: "hard sigmoid"
        case .hardSwish: "hard swish"
        }
    }

    package func outputShape(
        of operands: [FeatureShape], outputChannels: Int
    ) throws(OperatorFault) -> FeatureShape {
        guard isValid else { throw OperatorFault("has an alpha or beta that is not finite") }
        return try operands.single()
    }

    package func isNonNegative(_ operands: [Bool]) -> Bool {
        switch self {
        case .hardSigmoid: true
        case .hardSwish: operands.allSatisfy(\.self)
        }
    }
}
