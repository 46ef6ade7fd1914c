// SPDX-License-Identifier: Apache-2.0

/// A function of one value that is computed in Double and rounded once: 8-bit networks look it up,
/// so that none needs a kernel.
package enum SmoothFunction: Hashable, Sendable, Codable {
    /// `x` above 0, else `alpha * (e^x - 1)` (ONNX Elu, opset 6).
    case elu(alpha: Float)
    /// `x` above 0, else `alpha * (e^(x / alpha) - 1)` (ONNX Celu, opset 12). Alpha is not 0.
    case celu(alpha: Float)
    /// `gamma` times ``elu(alpha:)`` (ONNX Selu, opset 6).
    case selu(alpha: Float, gamma: Float)
    /// `ln(1 + e^x)` (ONNX Softplus, opset 1).
    case softplus
    /// `x / (1 + |x|)` (ONNX Softsign, opset 1).
    case softsign
    /// `e^x` (ONNX Exp, opset 6).
    case exp
    /// `|x|` (ONNX Abs, opset 6).
    case abs
    /// The error function (ONNX Erf, opset 9).
    case erf
    /// `x` above alpha, else 0 (ONNX ThresholdedRelu, opset 10).
    case thresholdedRelu(alpha: Float)

    /// The function's value.
    package func value(at x: Double) -> Double {
        switch self {
        case .elu(let alpha): x > 0 ? x : Double(alpha) * (Transcendental.exp(x) - 1)
        case .celu(let alpha):
            x > 0 ? x : Double(alpha) * (Transcendental.exp(x / Double(alpha)) - 1)
        case .selu(let alpha, let gamma):
            Double(gamma) * (x > 0 ? x : Double(alpha) * (Transcendental.exp(x) - 1))
        case .softplus:
            x > 0
                ? x + Transcendental.log(1 + Transcendental.exp(-x))
                : Transcendental.log(1 + Transcendental.exp(x))
        case .softsign: x / (1 + Swift.abs(x))
        case .exp: Transcendental.exp(x)
        case .abs: Swift.abs(x)
        case .erf: Self.errorFunction(x)
        case .thresholdedRelu(let alpha): x > Double(alpha) ? x : 0
        }
    }

    /// The function's derivative; that of the right side at a kink of ``abs``, of the left side at
    /// any other.
    package func slope(at x: Double) -> Double {
        switch self {
        case .elu(let alpha): x > 0 ? 1 : Double(alpha) * Transcendental.exp(x)
        case .celu(let alpha): x > 0 ? 1 : Transcendental.exp(x / Double(alpha))
        case .selu(let alpha, let gamma):
            Double(gamma) * (x > 0 ? 1 : Double(alpha) * Transcendental.exp(x))
        case .softplus: 1 / (1 + Transcendental.exp(-x))
        case .softsign: 1 / ((1 + Swift.abs(x)) * (1 + Swift.abs(x)))
        case .exp: Transcendental.exp(x)
        case .abs: x < 0 ? -1 : 1
        case .erf: 2 / Double.pi.squareRoot() * Transcendental.exp(-x * x)
        case .thresholdedRelu(let alpha): x > Double(alpha) ? 1 : 0
        }
    }

    /// `2 / √π * e^(-x²) * Σ 2^n x^(2n+1) / (2n+1)!!`, whose terms have one sign (Abramowitz and
    /// Stegun, 7.1.6).
    private static func errorFunction(_ x: Double) -> Double {
        guard Swift.abs(x) < 6 else { return x < 0 ? -1 : 1 }
        var term = x
        var sum = x
        var n = 1.0
        while Swift.abs(term) > Swift.abs(sum) * 0x1p-56 {
            term *= 2 * x * x / (2 * n + 1)
            sum += term
            n += 1
        }
        return 2 / Double.pi.squareRoot() * Transcendental.exp(-x * x) * sum
    }
}

extension SmoothFunction {
    /// Whether all numbers are finite, and none divides by 0.
    var isValid: Bool {
        switch self {
        case .elu(let alpha), .thresholdedRelu(let alpha): alpha.isFinite
        case .celu(let alpha): alpha.isFinite && alpha != 0
        case .selu(let alpha, let gamma): alpha.isFinite && gamma.isFinite
        default: true
        }
    }

    /// Whether no value is negative.
    var isNonNegative: Bool {
        switch self {
        case .softplus, .exp, .abs: true
        case .thresholdedRelu(let alpha): alpha >= 0
        default: false
        }
    }

    /// Name for tables: `elu`.
    var name: String {
        switch self {
        case .elu: "elu"
        case .celu: "celu"
        case .selu: "selu"
        case .softplus: "softplus"
        case .softsign: "softsign"
        case .exp: "exp"
        case .abs: "abs"
        case .erf: "erf"
        case .thresholdedRelu: "thresholded relu"
        }
    }
}
