// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

extension Window {
    /// Top, left, bottom, right: the order of the ONNX attribute.
    package var pads: [Int] { [padTop, padLeft, padBottom, padRight] }

    /// The same window with other pads, in the order of `pads`.
    package func withPads(_ pads: [Int]) -> Window {
        var copy = self
        copy.padTop = pads[0]
        copy.padLeft = pads[1]
        copy.padBottom = pads[2]
        copy.padRight = pads[3]
        return copy
    }

    /// A pooling window whose trailing pads runtimes accept, being shorter than the kernel: where
    /// they are longer, they are cut to what the last window reaches, which is the same
    /// computation. Nil if that is not enough, that is if some window would lie in padding alone.
    package func withPoolingPads(height: Int, width: Int) -> Window? {
        guard padTop < kernelHeight, padLeft < kernelWidth,
            let extent = outputExtent(height: height, width: width)
        else { return nil }
        var pads = self.pads
        if padBottom >= kernelHeight {
            let end = (extent.height - 1) * strideHeight + dilationHeight * (kernelHeight - 1) + 1
            pads[2] = max(0, end - height - padTop)
        }
        if padRight >= kernelWidth {
            let end = (extent.width - 1) * strideWidth + dilationWidth * (kernelWidth - 1) + 1
            pads[3] = max(0, end - width - padLeft)
        }
        return pads[2] < kernelHeight && pads[3] < kernelWidth ? withPads(pads) : nil
    }
}
