// SPDX-License-Identifier: Apache-2.0

/// Convolution of any kind (ONNX Conv, Gemm, MatMul, and BatchNormalization that cannot be folded);
/// its weights are `[outputChannels, kernelHeight, kernelWidth, inputChannels / groups]`.
package struct Convolution: Hashable, Sendable, Codable {
    /// Kernel, stride, dilation and pads.
    package var window: Window
    /// Divides input and output channels; equal to both in a depthwise convolution.
    package var groups: Int
    /// Came from Gemm or MatMul, and is exported as Gemm: the kernel covers the whole input.
    package var isFullyConnected: Bool
    /// False where the float model had no bias and was given one of zeros.
    package var hadBias: Bool

    /// Parameters as given; ``outputShape(of:outputChannels:)`` checks them.
    package init(
        window: Window, groups: Int = 1, isFullyConnected: Bool = false, hadBias: Bool = true
    ) {
        self.window = window
        self.groups = groups
        self.isFullyConnected = isFullyConnected
        self.hadBias = hadBias
    }
}

extension Convolution: OperatorForm {
    /// `fully connected`, `pointwise`, `conv 3×3 s2`, `depthwise 3×3` or `grouped conv 3×3 g2`.
    package func kind(input: TensorShape) -> String {
        let isPoint = window.kernelHeight == 1 && window.kernelWidth == 1
        if isFullyConnected { return "fully connected" }
        if groups == 1 {
            return isPoint ? "pointwise" + window.steps : "conv \(window.kind)"
        }
        if groups == input.channels { return "depthwise \(window.kind)" }
        return "grouped conv \(window.kind) g\(groups)"
    }

    /// Feature maps only.
    package var readsFeatures: Bool { true }

    /// Rows and columns as the window gives them, `outputChannels` channels.
    /// - Throws: ``OperatorFault`` where the groups do not divide input and output channels, or the
    ///   window leaves its limits or does not fit.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        let input = try operands.single()
        guard groups >= 1, input.channels % groups == 0, outputChannels >= 1,
            outputChannels % groups == 0
        else {
            throw OperatorFault(
                "has \(groups) groups, which do not divide \(input.channels) input and "
                    + "\(outputChannels) output channels")
        }
        let extent = try window.slide(over: input)
        return TensorShape(height: extent.height, width: extent.width, channels: outputChannels)
    }

    /// Weights take in scales on either side.
    package var channelScaling: ChannelScaling { .absorbs }
}
