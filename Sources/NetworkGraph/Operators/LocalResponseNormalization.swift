// SPDX-License-Identifier: Apache-2.0

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

extension LocalResponseNormalization: OperatorForm {
    package func kind(input: TensorShape) -> String { "local response norm \(size)" }

    package var readsFeatures: Bool { true }

    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        guard isValid else {
            throw OperatorFault(
                "has size \(size), alpha \(alpha), beta \(beta) and bias \(bias); size must be odd "
                    + "and at most \(Self.largestSize), alpha not negative, beta within "
                    + "±\(Self.largestExponent), bias positive")
        }
        return try operands.single()
    }

    /// No runtime computes it in integers.
    package var floatPrecision: FloatPrecision { .always }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
