// SPDX-License-Identifier: Apache-2.0

import CKernels
import NetworkGraph

extension ck_geometry {
    /// Traps unless the extents fit each other; graphs are checked on import.
    init(input: TensorShape, output: TensorShape, window: Window, groups: Int = 1) {
        let extent = window.outputExtent(height: input.height, width: input.width)
        precondition(extent?.height == output.height && extent?.width == output.width)
        precondition(window.padTop >= 0 && window.padLeft >= 0)
        precondition(groups >= 1 && input.channels % groups == 0 && output.channels % groups == 0)
        self.init(
            input_height: input.height, input_width: input.width, input_channels: input.channels,
            output_height: output.height, output_width: output.width,
            output_channels: output.channels, kernel_height: window.kernelHeight,
            kernel_width: window.kernelWidth, stride_height: window.strideHeight,
            stride_width: window.strideWidth, dilation_height: window.dilationHeight,
            dilation_width: window.dilationWidth, pad_top: window.padTop,
            pad_left: window.padLeft, groups: groups)
    }

    /// Geometry of a pooling window.
    init(input: TensorShape, window: Window) {
        guard let extent = window.outputExtent(height: input.height, width: input.width) else {
            preconditionFailure("window does not fit its input")
        }
        let output = TensorShape(
            height: extent.height, width: extent.width, channels: input.channels)
        self.init(input: input, output: output, window: window)
    }
}

extension Window {
    /// Whether the one window that fits is exactly the input, without pads.
    func isWhole(_ input: TensorShape) -> Bool {
        kernelHeight == input.height && kernelWidth == input.width
            && dilationHeight == 1 && dilationWidth == 1
            && padTop == 0 && padLeft == 0 && padBottom == 0 && padRight == 0
    }
}

extension ck_clamp {
    init(_ clamp: Clamp) {
        self.init(
            lower: clamp.lower ?? 0, upper: clamp.upper ?? 0,
            has_lower: clamp.lower == nil ? 0 : 1, has_upper: clamp.upper == nil ? 0 : 1)
    }
}
