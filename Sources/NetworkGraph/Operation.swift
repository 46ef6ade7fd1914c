// SPDX-License-Identifier: Apache-2.0

/// What a node computes. Weights live beside the graph (``FloatNetwork`` and the quantized
/// network), so that both networks share one structure.
package enum Operation: Hashable, Sendable, Codable {
    /// Convolution of any kind, dense, grouped or depthwise, with one bias per output channel.
    /// Fully connected layers are convolutions whose kernel covers the whole input; a
    /// BatchNormalization that cannot be folded is a depthwise 1×1 convolution.
    case convolution(Convolution)
    /// Elementwise sum of two inputs of equal shape.
    case add
    /// Elementwise product of two inputs: of equal shape, or the second 1×1×C and the same for
    /// every pixel.
    case multiply
    /// Inputs joined along channels, in order.
    case concat
    case maxPool(Window)
    case averagePool(Window, countIncludePad: Bool)
    /// Mean over all pixels; output is 1×1×C.
    case globalAveragePool
    /// Only the node's clamp: a Relu or Clip that no producer could take in.
    case clamp
    case activation(ActivationFunction)
    case localResponseNormalization(LocalResponseNormalization)
}

/// Structure of a convolution; its weights are `[outputChannels, kernelHeight, kernelWidth,
/// inputChannels / groups]`.
package struct Convolution: Hashable, Sendable, Codable {
    package var window: Window
    /// Divides input and output channels; equal to both in a depthwise convolution.
    package var groups: Int
    /// Came from Gemm or MatMul, and is exported as Gemm.
    package var isFullyConnected: Bool
    /// False where the float model had no bias and was given one of zeros.
    package var hadBias: Bool

    package init(
        window: Window, groups: Int = 1, isFullyConnected: Bool = false, hadBias: Bool = true
    ) {
        self.window = window
        self.groups = groups
        self.isFullyConnected = isFullyConnected
        self.hadBias = hadBias
    }
}

/// Bounds applied to a node's result; nil means unbounded. Relu is `lower: 0`, ReLU6 `lower: 0,
/// upper: 6`.
package struct Clamp: Hashable, Sendable, Codable {
    package var lower: Float?
    package var upper: Float?

    package static let none = Clamp()

    package init(lower: Float? = nil, upper: Float? = nil) {
        self.lower = lower
        self.upper = upper
    }

    /// Bounds of applying `self` first and `next` after it.
    package func followed(by next: Clamp) -> Clamp {
        func limit(_ value: Float) -> Float {
            min(max(value, next.lower ?? -.infinity), next.upper ?? .infinity)
        }
        let low = limit(lower ?? -.infinity)
        let high = limit(upper ?? .infinity)
        return Clamp(
            lower: low == -.infinity ? nil : low, upper: high == .infinity ? nil : high)
    }
}
