// SPDX-License-Identifier: Apache-2.0

/// Largest value of each window (ONNX MaxPool, opset 12); padding is below every value.
package struct MaxPool: OperatorForm {
    package var window: Window

    package init(window: Window) {
        self.window = window
    }

    package func kind(input: TensorShape) -> String { "max pool \(window.kind)" }

    package var readsFeatures: Bool { true }

    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try window.pool(operands.single())
    }

    package var selectsValues: Bool { true }
    package var resultQuantization: ResultQuantization { .operand }
    package var channelScaling: ChannelScaling { .passesOn }

    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
