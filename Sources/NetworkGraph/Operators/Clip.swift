// SPDX-License-Identifier: Apache-2.0

/// Only the node's clamp: a Relu or Clip that no producer could take in.
package struct Clip: OperatorForm {
    package init() {}

    package func kind(input: TensorShape) -> String { "clamp" }

    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try operands.single()
    }

    package var selectsValues: Bool { true }
    package var channelScaling: ChannelScaling { .passesOn }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
