// SPDX-License-Identifier: Apache-2.0

/// Mean of each window (ONNX AveragePool, opset 19).
package struct AveragePool: OperatorForm {
    package var window: Window
    /// Whether positions in padding count.
    package var countIncludePad: Bool

    package init(window: Window, countIncludePad: Bool) {
        self.window = window
        self.countIncludePad = countIncludePad
    }

    package func kind(input: TensorShape) -> String { "average pool \(window.kind)" }

    package var readsFeatures: Bool { true }

    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let shape = try window.pool(operands.single())
        try checkAveraged(window.kernelHeight * window.kernelWidth)
        return shape
    }

    package var channelScaling: ChannelScaling { .passesOn }
    package var floatPrecision: FloatPrecision { .amongFloats }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
