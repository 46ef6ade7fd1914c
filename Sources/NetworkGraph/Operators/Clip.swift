// SPDX-License-Identifier: Apache-2.0

/// Only the node's clamp: a Relu or Clip that no producer could take in.
package struct Clip: OperatorForm {
    /// Its bounds are the clamp of the node.
    package init() {}

    /// `clamp`.
    package func kind(input: TensorShape) -> String { "clamp" }

    /// The operand's extents.
    /// - Throws: ``OperatorFault`` where there is not one operand.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try operands.single()
    }

    /// Every element is that of the operand, the clamp aside.
    package var selectsValues: Bool { true }
    /// Each channel is the operand's, the clamp aside.
    package var channelScaling: ChannelScaling { .passesOn }

    /// Where the operand cannot be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
