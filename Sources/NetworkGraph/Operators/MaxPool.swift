// SPDX-License-Identifier: Apache-2.0

/// Largest value of each window (ONNX MaxPool, opset 12); padding is below every value.
package struct MaxPool: OperatorForm {
    /// Kernel, stride, dilation and pads.
    package var window: Window

    /// A pool as given; ``outputShape(of:outputChannels:)`` checks it.
    package init(window: Window) {
        self.window = window
    }

    /// `max pool 3×3 s2`.
    package func kind(input: TensorShape) -> String { "max pool \(window.kind)" }

    /// Feature maps only.
    package var readsFeatures: Bool { true }

    /// Rows and columns as the window gives them, channels of the operand.
    /// - Throws: ``OperatorFault`` where the window leaves its limits or does not fit.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try window.pool(operands.single())
    }

    /// Every element is one of the operand.
    package var selectsValues: Bool { true }
    /// The operand's.
    package var resultQuantization: ResultQuantization { .operand }
    /// A positive scale leaves the largest value of a channel the largest.
    package var channelScaling: ChannelScaling { .passesOn }

    /// Where the operand cannot be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
