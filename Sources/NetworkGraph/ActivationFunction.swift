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

/// Local response normalization across channels (ONNX LRN, opset 13): `x * (bias + alpha / size * Σ
/// x²)^-beta`, with the sum over the channels `c ± (size - 1) / 2` that exist.
package struct LocalResponseNormalization: Hashable, Sendable, Codable {
    /// Channels of a full sum, odd.
    package var size: Int
    /// Finite, not negative.
    package var alpha: Float
    /// Finite.
    package var beta: Float
    /// Positive and normal.
    package var bias: Float

    package init(size: Int, alpha: Float, beta: Float, bias: Float) {
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias
    }

    /// Most channels of a sum, and the largest magnitude of an exponent; far above real networks.
    package static let largestSize = 1 << 12
    package static let largestExponent: Float = 8

    /// Whether all numbers are in range, so that every base is positive.
    package var isValid: Bool {
        (1...Self.largestSize).contains(size) && size % 2 == 1 && alpha.isFinite && alpha >= 0
            && abs(beta) <= Self.largestExponent && bias.isNormal && bias > 0
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
