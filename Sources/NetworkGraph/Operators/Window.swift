// SPDX-License-Identifier: Apache-2.0

/// A sliding window in two dimensions: what convolutions and pooling share.
///
/// Output extent along an axis: `(input + padBefore + padAfter - dilation * (kernel - 1) - 1) /
/// stride + 1`, rounded down. `ceil_mode` and `auto_pad` are resolved on import by enlarging the
/// pads.
package struct Window: Hashable, Sendable, Codable {
    /// Rows of the kernel, in `1...SizeLimits.extent`.
    package var kernelHeight: Int
    /// Columns of the kernel, in the same range.
    package var kernelWidth: Int
    /// Rows from one position of the window to the next, in `1...SizeLimits.step`.
    package var strideHeight: Int
    /// Columns from one to the next, in the same range.
    package var strideWidth: Int
    /// Rows of the input from one row of the kernel to the next, in `1...SizeLimits.step`.
    package var dilationHeight: Int
    /// Columns from one to the next, in the same range.
    package var dilationWidth: Int
    /// Rows of padding above the input, in `0...SizeLimits.step`.
    package var padTop: Int
    /// Columns in front of it, in the same range.
    package var padLeft: Int
    /// Rows below it, in the same range.
    package var padBottom: Int
    /// Columns behind it, in the same range.
    package var padRight: Int

    /// A window as given; ``limitFault`` says whether it keeps its limits.
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

extension Window {
    /// Rows and columns of the output, all limits kept.
    /// - Throws: ``OperatorFault`` where a number leaves ``SizeLimits`` or the kernel does not fit.
    func slide(over input: TensorShape) throws(OperatorFault) -> (height: Int, width: Int) {
        if let fault = limitFault { throw OperatorFault(fault) }
        guard let extent = outputExtent(height: input.height, width: input.width) else {
            throw OperatorFault("has a kernel larger than its input of \(input)")
        }
        return extent
    }

    /// The result of a pool.
    func pool(_ input: TensorShape) throws(OperatorFault) -> TensorShape {
        let extent = try slide(over: input)
        return TensorShape(
            height: extent.height, width: extent.width, channels: input.channels)
    }

    /// Which number leaves ``SizeLimits``, as a clause; nil if none does.
    package var limitFault: String? {
        func out(_ name: String, _ numbers: [Int], _ limits: ClosedRange<Int>) -> String? {
            numbers.first { !limits.contains($0) }.map {
                "has a \(name) of \($0), outside of \(limits.lowerBound)...\(limits.upperBound)"
            }
        }
        return out("kernel extent", [kernelHeight, kernelWidth], 1...SizeLimits.extent)
            ?? out("kernel", [kernelHeight * kernelWidth], 1...SizeLimits.taps)
            ?? out("stride", [strideHeight, strideWidth], 1...SizeLimits.step)
            ?? out("dilation", [dilationHeight, dilationWidth], 1...SizeLimits.step)
            ?? out("pad", [padTop, padLeft, padBottom, padRight], 0...SizeLimits.step)
    }

    /// Kernel, stride and dilation, the latter two where they are not 1.
    var kind: String { "\(kernelHeight)×\(kernelWidth)\(steps)" }

    /// Stride and dilation where they are not 1.
    var steps: String {
        func pair(_ letter: String, _ height: Int, _ width: Int) -> String {
            if height == 1, width == 1 { return "" }
            return height == width ? " \(letter)\(height)" : " \(letter)\(height)×\(width)"
        }
        return pair("s", strideHeight, strideWidth) + pair("d", dilationHeight, dilationWidth)
    }
}
