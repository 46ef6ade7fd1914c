// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

/// How one operator is computed: in float, in integers, and backward. Operators with weights run
/// from packed layers instead (`IntegerExecutor.Layer`, `FloatConvolution`, `GradientConvolution`).
///
/// Values are NHWC, activations uint8. A call has all that is needed; nothing here sees the graph.
protocol ExecutableOperator: OperatorForm {
    /// Float pass under the numerics contract, clamp included.
    func computeFloats(_ call: FloatCall)

    /// Integer pass, clamp included: the bits of the runtimes where they compute 8 bits. Writes the
    /// mask and the indices that the call has room for. Not called where ``floatPrecision`` has the
    /// node computed in float.
    func computeIntegers(_ call: IntegerCall)

    /// Gives the operands that need one their gradient: straight-through, from a gradient of the
    /// result that the mask has been applied to.
    func propagate(_ call: BackwardCall)

    /// What becomes of a value of an operand in front of the clamp, where the integer pass looks
    /// results up: the node then has one table per operand. Nil where it computes them.
    var tabulated: ((Float) -> Float)? { get }

    /// The operator's slope for each stored value of its operand whose gradient passes, 256
    /// entries; empty where the backward pass does not look it up.
    func slopes(from operand: ByteQuantization, to result: ByteQuantization, clamp: Clamp)
        -> [Float]

    /// Which elements of the result let gradients pass.
    var mask: RecordedMask { get }

    /// Operands of which the backward pass needs a copy.
    /// - Parameter needsGradient: by operand.
    /// - Returns: their positions.
    func keptOperands(_ needsGradient: [Bool]) -> [Int]

    /// Whether the backward pass needs an index per element of the result.
    var keepsIndices: Bool { get }

    /// Whether the gradient of each operand is that of the result, so that it may change hands.
    var handsGradientOn: Bool { get }

    /// Whether the result is the operand as it lies in memory, so that it may change hands.
    var keepsMemory: Bool { get }

    /// Floats that ``propagate(_:)`` takes besides gradients, per element of the result.
    var backwardScratch: Int { get }
}

/// How a node masks its gradient.
enum RecordedMask {
    /// All that passes does so through indices or slopes.
    case none
    /// One mask, of the result.
    case result
    /// One per operand, in its shape, from a table; none where all values pass.
    case operands
}

extension ExecutableOperator {
    var tabulated: ((Float) -> Float)? { nil }
    func slopes(
        from operand: ByteQuantization, to result: ByteQuantization, clamp: Clamp
    ) -> [Float] { [] }
    var mask: RecordedMask { .result }
    func keptOperands(_ needsGradient: [Bool]) -> [Int] { [] }
    var keepsIndices: Bool { false }
    var handsGradientOn: Bool { false }
    var keepsMemory: Bool { false }
    var backwardScratch: Int { 0 }
}

/// An operator that is always computed in float: it has no integer pass.
protocol FloatOperator: ExecutableOperator {}

extension FloatOperator {
    func computeIntegers(_ call: IntegerCall) {
        preconditionFailure("\(self) is computed in float")
    }
}

extension Operation {
    /// How the operator is computed; nil where it has weights.
    var executable: (any ExecutableOperator)? {
        let form = form
        precondition(
            form is Convolution || form is any ExecutableOperator, "\(self) is computed nowhere")
        return form as? any ExecutableOperator
    }
}
