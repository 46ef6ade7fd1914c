// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// What the forward pass of one image leaves for its ``BackwardPass``.
package struct BackwardRecord: Sendable {
    /// Of one node.
    package struct Entry: Sendable {
        /// Laid out as `GradientMask` says; nil: everything passes. Concatenations have one per
        /// operand, in the operand's shape; other nodes have at most one, in the shape of the
        /// output.
        package var masks: [AlignedBuffer?] = []
        /// Of a max-pool: UInt16, as `IntegerKernels.maxPool` keeps them.
        package var indices: AlignedBuffer?
        /// Of products, activations and normalizations; nil where no gradient depends on one.
        package var operands: [Operand?] = []
        /// Of an activation: 256 slopes, as `GradientMask.slopes` makes them.
        package var slopes: [Float] = []

        /// What is given; by default nothing, as of a node that lets everything pass.
        package init(
            masks: [AlignedBuffer?] = [], indices: AlignedBuffer? = nil,
            operands: [Operand?] = [], slopes: [Float] = []
        ) {
            self.masks = masks
            self.indices = indices
            self.operands = operands
            self.slopes = slopes
        }

        /// Of an operand; nil where all its elements pass.
        func operandMask(_ operand: Int) -> AlignedBuffer? {
            masks.isEmpty ? nil : masks[operand]
        }
    }

    /// Copy of an 8-bit operand.
    package struct Operand: Sendable {
        /// One byte per element of the operand, in order of memory.
        package var values: AlignedBuffer
        /// Scale and zero point of the bytes.
        package var quantization: ByteQuantization

        /// Holds the buffer for the record, which gives it back.
        package init(values: AlignedBuffer, quantization: ByteQuantization) {
            self.values = values
            self.quantization = quantization
        }
    }

    /// One per node; empty where the backward pass needs none.
    package var entries: [Entry]

    /// Empty entries for a graph of so many nodes.
    package init(nodes: Int) {
        entries = [Entry](repeating: Entry(), count: nodes)
    }

    /// Gives all buffers back.
    package mutating func discard(workspace: Workspace) {
        for index in entries.indices { release(index, to: workspace) }
    }

    mutating func release(_ index: Int, to workspace: Workspace) {
        for case let mask? in entries[index].masks { workspace.give(mask) }
        for case let operand? in entries[index].operands { workspace.give(operand.values) }
        if let indices = entries[index].indices { workspace.give(indices) }
        entries[index] = Entry()
    }
}
