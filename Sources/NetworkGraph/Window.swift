// SPDX-License-Identifier: Apache-2.0

/// A sliding window in two dimensions: what convolutions and pooling share.
///
/// Output extent along an axis: `(input + padBefore + padAfter - dilation * (kernel - 1) - 1) /
/// stride + 1`, rounded down. `ceil_mode` and `auto_pad` are resolved on import by enlarging the
/// pads.
package struct Window: Hashable, Sendable, Codable {
    package var kernelHeight: Int
    package var kernelWidth: Int
    package var strideHeight: Int
    package var strideWidth: Int
    package var dilationHeight: Int
    package var dilationWidth: Int
    package var padTop: Int
    package var padLeft: Int
    package var padBottom: Int
    package var padRight: Int

    package init(
        kernelHeight: Int, kernelWidth: Int, strideHeight: Int = 1, strideWidth: Int = 1,
        dilationHeight: Int = 1, dilationWidth: Int = 1,
        padTop: Int = 0, padLeft: Int = 0, padBottom: Int = 0, padRight: Int = 0
    ) {
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.strideHeight = strideHeight
        self.strideWidth = strideWidth
        self.dilationHeight = dilationHeight
        self.dilationWidth = dilationWidth
        self.padTop = padTop
        self.padLeft = padLeft
        self.padBottom = padBottom
        self.padRight = padRight
    }

    /// Rows and columns of the output for an input of `height` × `width`; nil if the window does
    /// not fit.
    package func outputExtent(height: Int, width: Int) -> (height: Int, width: Int)? {
        let spanY = height + padTop + padBottom - dilationHeight * (kernelHeight - 1) - 1
        let spanX = width + padLeft + padRight - dilationWidth * (kernelWidth - 1) - 1
        guard spanY >= 0, spanX >= 0 else { return nil }
        return (spanY / strideHeight + 1, spanX / strideWidth + 1)
    }
}
