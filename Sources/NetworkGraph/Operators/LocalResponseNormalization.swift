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

    /// Numbers as given; ``isValid`` says whether they can be used.
    package init(size: Int, alpha: Float, beta: Float, bias: Float) {
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.bias = bias
    }

    /// Most channels of a sum; far above real networks.
    package static let largestSize = 1 << 12
    /// Largest magnitude of ``beta``; far above real networks.
    package static let largestExponent: Float = 8

    /// Whether all numbers are in range, so that every base is positive.
    package var isValid: Bool {
        (1...Self.largestSize).contains(size) && size % 2 == 1 && alpha.isFinite && alpha >= 0
            && abs(beta) <= Self.largestExponent && bias.isNormal && bias > 0
    }
}

extension LocalResponseNormalization: OperatorForm {
    /// `local response norm 5`.
    package func kind(input: TensorShape) -> String { "local response norm \(size)" }

    /// Feature maps only.
    package var readsFeatures: Bool { true }

    /// The operand's extents.
    /// - Throws: ``OperatorFault`` where a number is out of range.
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

    /// Where the operand cannot be negative, since factors are positive.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
