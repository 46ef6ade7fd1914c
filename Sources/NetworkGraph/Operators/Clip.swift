// SPDX-License-Identifier: Apache-2.0

/// Only the node's clamp: a Relu or Clip that no producer could take in.
package struct Clip: OperatorForm {
    package init() {}

    package func kind(input: FeatureShape) -> String { "clamp" }

    package func outputShape(
        of operands: [FeatureShape], outputChannels: Int
    ) throws(OperatorFault) -> FeatureShape {
        try operands.single()
    }

    package var selectsValues: Bool { true }
    package var channelScaling: ChannelScaling { .passesOn }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
