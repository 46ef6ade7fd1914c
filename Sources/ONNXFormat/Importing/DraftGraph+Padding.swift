// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Folding of Pad into the windows that read it.
extension DraftGraph {
    /// Moves each Pad into the convolutions and pools that read it. What cannot be moved becomes a
    /// padded depthwise 1×1 convolution with weights 1, which computes the same.
    mutating func foldPads() throws(ONNXError) {
        let nonNegative = nonNegative
        for index in nodes.indices {
            for operand in nodes[index].inputs.indices {
                let value = nodes[index].inputs[operand]
                guard let pad = node(of: value),
                    case .pad(let widths, let filler) = nodes[pad].kind,
                    case let source = nodes[pad].inputs[0],
                    let kind = nodes[index].kind.padded(
                        widths, with: filler, nonNegative: nonNegative[source]),
                    kind.windowAlwaysMeets(shape(of: source))
                else { continue }
                nodes[index].kind = kind
                nodes[index].inputs[operand] = source
            }
        }
        removeUnused()
        for index in nodes.indices {
            guard case .pad(let widths, let filler) = nodes[index].kind else { continue }
            nodes[index].kind = try convolution(for: widths, filler: filler, at: nodes[index])
        }
    }

    private func convolution(
        for widths: PadWidths, filler: Float, at node: DraftNode
    ) throws(ONNXError) -> DraftNode.Kind {
        guard filler == 0 else {
            throw node.error(
                .unsupported,
                "pads with \(filler); only 0 is supported, or -inf in front of a MaxPool.")
        }
        let channels = node.shape.channels
        let window = Window(kernelHeight: 1, kernelWidth: 1).padded(widths)
        return .convolution(
            DraftConvolution(
                convolution: Convolution(window: window, groups: channels, hadBias: false),
                weights: [Float](repeating: 1, count: channels),
                bias: [Double](repeating: 0, count: channels)))
    }

    /// For each value, whether all its elements are known to be at least 0.
    private var nonNegative: [Bool] {
        var known = [Bool](repeating: false, count: inputs.count)
        for node in nodes {
            let operands = node.inputs.map { known[$0] }
            let result =
                switch node.kind {
                case .operation(let operation): operation.form.isNonNegative(operands)
                case .pad(_, let filler): operands.allSatisfy(\.self) && filler >= 0
                case .convolution, .affine: false
                }
            known.append(
                (result || (node.clamp.lower ?? -1) >= 0) && (node.clamp.upper ?? 0) >= 0)
        }
        return known
    }
}

extension DraftNode.Kind {
    /// The operation reading the unpadded image, if it can do the padding itself.
    fileprivate func padded(
        _ widths: PadWidths, with filler: Float, nonNegative: Bool
    ) -> Self? {
        switch self {
        case .convolution(var draft) where filler == 0:
            draft.convolution.window = draft.convolution.window.padded(widths)
            return .convolution(draft)
        case .operation(.maxPool(let window)):
            // The pool leaves its own padding out, so the frame must never be a maximum.
            guard filler <= -.greatestFiniteMagnitude || filler == 0 && nonNegative else {
                return nil
            }
            return .operation(.maxPool(window.padded(widths)))
        case .operation(.averagePool(let window, let countIncludePad)) where filler == 0:
            guard countIncludePad || !window.isPadded else { return nil }
            return .operation(.averagePool(window.padded(widths), countIncludePad: true))
        default: return nil
        }
    }

    /// Whether a pool's windows all see at least one pixel of the image. True for all else.
    fileprivate func windowAlwaysMeets(_ shape: FeatureShape) -> Bool {
        switch self {
        case .operation(.maxPool(let window)),
            .operation(.averagePool(let window, countIncludePad: false)):
            window.alwaysMeets(shape)
        default: true
        }
    }
}

extension Window {
    func padded(_ widths: PadWidths) -> Window {
        var window = self
        window.padTop += widths.top
        window.padLeft += widths.left
        window.padBottom += widths.bottom
        window.padRight += widths.right
        return window
    }

    /// Whether every position of the window has at least one tap inside an image of `shape`.
    func alwaysMeets(_ shape: FeatureShape) -> Bool {
        guard let output = outputExtent(height: shape.height, width: shape.width) else {
            return false
        }
        func meets(
            _ count: Int, stride: Int, pad: Int, dilation: Int, kernel: Int, extent: Int
        ) -> Bool {
            (0..<count).allSatisfy { position in
                let start = position * stride - pad
                let tap = start >= 0 ? 0 : (-start + dilation - 1) / dilation
                return tap < kernel && start + tap * dilation < extent
            }
        }
        return meets(
            output.height, stride: strideHeight, pad: padTop, dilation: dilationHeight,
            kernel: kernelHeight, extent: shape.height)
            && meets(
                output.width, stride: strideWidth, pad: padLeft, dilation: dilationWidth,
                kernel: kernelWidth, extent: shape.width)
    }
}
