// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

/// A float pass of one node.
struct FloatCall {
    /// Extents of the operands.
    var shapes: [TensorShape]
    var operands: [UnsafePointer<Float>]
    /// Extents of the result.
    var shape: TensorShape
    var clamp: Clamp
    var output: UnsafeMutablePointer<Float>

    /// Applies the clamp to the output, for kernels that do not.
    func clampOutput() {
        if clamp != .none {
            FloatKernels.clamp(output, count: shape.count, clamp: clamp, output)
        }
    }
}

/// An integer pass of one node.
struct IntegerCall {
    /// Extents of the operands.
    var shapes: [TensorShape]
    var operands: [UnsafePointer<UInt8>]
    /// Scale and zero point of each operand.
    var sources: [ByteQuantization]
    /// Extents of the result.
    var shape: TensorShape
    var clamp: Clamp
    /// Scale, zero point and bounds of the result, clamp included.
    var result: ByteQuantization
    /// By operand, 256 entries; empty unless the operator is tabulated.
    var tables: [[UInt8]]
    var output: UnsafeMutablePointer<UInt8>
    /// Where the mask of the result goes, laid out as `GradientMask` says; nil where nobody asks.
    var mask: UnsafeMutablePointer<UInt8>?
    /// Where indices go; nil where nobody asks.
    var indices: UnsafeMutablePointer<UInt16>?
    /// Of kernels that write masks and indices; every choice gives the same bits.
    var isa: InstructionSet
}

/// A backward pass of one node.
struct BackwardCall {
    /// Extents of the operands.
    var shapes: [TensorShape]
    /// Values that the operands are, for ``contribute(to:_:)``.
    var inputs: [ValueID]
    var needsGradient: [Bool]
    /// Extents of the result.
    var shape: TensorShape
    /// Of the result, masked.
    var gradient: UnsafePointer<Float>
    /// What the forward pass left.
    var record: BackwardRecord.Entry
    var isa: InstructionSet
    var workspace: Workspace
    var gradients: GradientBuffers

    /// Has `compute` write an operand's gradient, which is added to what is there, if the operand
    /// needs one.
    func contribute(to operand: Int, _ compute: (UnsafeMutablePointer<Float>) -> Void) {
        guard needsGradient[operand] else { return }
        gradients.contribute(to: inputs[operand], compute)
    }

    /// The copy of an operand that ``ExecutableOperator/keptOperands(_:)`` asked for.
    func kept(_ operand: Int) -> BackwardRecord.Operand {
        guard let kept = record.operands[operand] else { preconditionFailure("no operand") }
        return kept
    }

    /// Times the slope at each stored value of the only operand.
    func multiplyBySlopes() {
        let operand = kept(0)
        contribute(to: 0) {
            GradientKernels.lookup(
                gradient, input: operand.values.bytes, count: shape.count, slopes: record.slopes,
                $0, isa: isa)
        }
    }
}
