// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Bounds on numbers in files, far above real networks, that keep all arithmetic from overflowing.
enum QDQLimits {
    /// Extent of an axis, kernel, stride, dilation or pad.
    static let extent = 1 << 20
    /// Elements of one tensor.
    static let elements = 1 << 40
}

/// Shape inference for the operations of the graph.
enum QDQShapes {
    /// Shape of an operation's output; nil where inputs and operation do not fit together.
    /// `outputChannels` are those of a convolution, and ignored otherwise.
    static func output(
        of operation: Operation, inputs: [FeatureShape], outputChannels: Int = 0
    ) -> FeatureShape? {
        guard let first = inputs.first, inputs.allSatisfy(isPlausible) else { return nil }
        let shape: FeatureShape?
        switch operation {
        case .convolution(let convolution):
            guard inputs.count == 1, convolution.groups > 0,
                first.channels % convolution.groups == 0, outputChannels % convolution.groups == 0
            else { return nil }
            shape = slide(convolution.window, over: first, channels: outputChannels)
        case .maxPool(let window), .averagePool(let window, _):
            shape = inputs.count == 1 ? slide(window, over: first, channels: first.channels) : nil
        case .globalAveragePool:
            shape =
                inputs.count == 1
                ? FeatureShape(height: 1, width: 1, channels: first.channels) : nil
        case .clamp, .activation, .localResponseNormalization:
            shape = inputs.count == 1 ? first : nil
        case .multiply:
            let pixel = FeatureShape(height: 1, width: 1, channels: first.channels)
            shape = inputs.count == 2 && [first, pixel].contains(inputs[1]) ? first : nil
        case .add:
            shape = inputs.count == 2 && inputs[1] == first ? first : nil
        case .concat:
            let channels = inputs.reduce(0) { $0 + $1.channels }
            let fits = inputs.allSatisfy { $0.height == first.height && $0.width == first.width }
            shape =
                fits
                ? FeatureShape(height: first.height, width: first.width, channels: channels) : nil
        }
        return shape.flatMap { isPlausible($0) ? $0 : nil }
    }

    /// All extents positive and within ``QDQLimits``.
    static func isPlausible(_ shape: FeatureShape) -> Bool {
        let extents = [shape.height, shape.width, shape.channels]
        return extents.allSatisfy { 1...QDQLimits.extent ~= $0 }
            && shape.pixels <= QDQLimits.elements / shape.channels
    }

    /// Kernel, strides and dilations positive, pads not negative, all within ``QDQLimits``.
    static func isPlausible(_ window: Window) -> Bool {
        let positive = [
            window.kernelHeight, window.kernelWidth, window.strideHeight, window.strideWidth,
            window.dilationHeight, window.dilationWidth,
        ]
        return positive.allSatisfy { 1...QDQLimits.extent ~= $0 }
            && window.pads.allSatisfy { 0...QDQLimits.extent ~= $0 }
    }

    private static func slide(
        _ window: Window, over shape: FeatureShape, channels: Int
    ) -> FeatureShape? {
        guard isPlausible(window),
            let extent = window.outputExtent(height: shape.height, width: shape.width)
        else { return nil }
        return FeatureShape(height: extent.height, width: extent.width, channels: channels)
    }
}

extension Window {
    /// Top, left, bottom, right: the order of the ONNX attribute.
    var pads: [Int] { [padTop, padLeft, padBottom, padRight] }

    /// The same window with other pads, in the order of `pads`.
    func withPads(_ pads: [Int]) -> Window {
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
    func withPoolingPads(height: Int, width: Int) -> Window? {
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
