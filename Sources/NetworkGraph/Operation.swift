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
    /// Inputs joined along an axis in memory, in order.
    case concat(axis: Int)
    case maxPool(Window)
    case averagePool(Window, countIncludePad: Bool)
    /// Mean over all pixels; output is 1×1×C.
    case globalAveragePool
    /// Only the node's clamp: a Relu or Clip that no producer could take in.
    case clamp
    case activation(ActivationFunction)
    case localResponseNormalization(LocalResponseNormalization)
    case resize(NearestResize)
    case rearrange(Rearrange)
    case take(Take)
    case pad(ConstantPad)
}

extension Operation {
    /// The operator's form: the line to add for a new one.
    package var form: any OperatorForm {
        switch self {
        case .convolution(let form): form
        case .add: Add()
        case .multiply: Multiply()
        case .concat(let axis): Concat(axis: axis)
        case .maxPool(let window): MaxPool(window: window)
        case .averagePool(let window, let countIncludePad):
            AveragePool(window: window, countIncludePad: countIncludePad)
        case .globalAveragePool: GlobalAveragePool()
        case .clamp: Clip()
        case .activation(let form): form
        case .localResponseNormalization(let form): form
        case .resize(let form): form
        case .rearrange(let form): form
        case .take(let form): form
        case .pad(let form): form
        }
    }
}
