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
    /// Largest value of each window.
    case maxPool(Window)
    /// Mean of each window; `countIncludePad`: positions in padding count.
    case averagePool(Window, countIncludePad: Bool)
    /// Mean over all pixels; output is 1×1×C.
    case globalAveragePool
    /// Only the node's clamp: a Relu or Clip that no producer could take in.
    case clamp
    /// Elementwise function that is no clamp.
    case activation(ActivationFunction)
    /// Each channel divided by a power of the sum of squares around it.
    case localResponseNormalization(LocalResponseNormalization)
    /// Rows and columns repeated or left out.
    case resize(NearestResize)
    /// Rows and columns interpolated.
    case linearResize(LinearResize)
    /// A slope of its own below 0, for each channel.
    case prelu(PRelu)
    /// Exponentials of the channels, divided by their sum.
    case softmax
    /// Axes taken apart, put in another order and joined.
    case rearrange(Rearrange)
    /// Positions of one axis.
    case take(Take)
    /// A constant around the operand.
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
        case .linearResize(let form): form
        case .prelu(let form): form
        case .softmax: Softmax()
        case .rearrange(let form): form
        case .take(let form): form
        case .pad(let form): form
        }
    }
}
