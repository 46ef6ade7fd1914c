// SPDX-License-Identifier: Apache-2.0

/// Mean of each window (ONNX AveragePool, opset 19).
package struct AveragePool: OperatorForm {
    /// Kernel, stride, dilation and pads.
    package var window: Window
    /// Whether positions in padding count.
    package var countIncludePad: Bool

    /// A pool as given; ``outputShape(of:outputChannels:)`` checks it.
    package init(window: Window, countIncludePad: Bool) {
        self.window = window
        self.countIncludePad = countIncludePad
    }

    /// `average pool 3×3 s2`.
    package func kind(input: TensorShape) -> String { "average pool \(window.kind)" }

    /// Feature maps only.
    package var readsFeatures: Bool { true }

    /// Rows and columns as the window gives them, channels of the operand.
    /// - Throws: ``OperatorFault`` where the window leaves its limits, does not fit, or has more
    ///   positions than ``SizeLimits/averaged``.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let shape = try window.pool(operands.single())
        try checkAveraged(window.kernelHeight * window.kernelWidth)
        return shape
    }

    /// Means are those of one channel each.
    package var channelScaling: ChannelScaling { .passesOn }
    /// In float among float values, as runtimes compute means.
    package var floatPrecision: FloatPrecision { .amongFloats }

    /// Where the operand cannot be negative.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
