// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Folding of Pad into the windows that read it.
extension DraftGraph {
    /// Moves each Pad of rows and columns into the convolutions and pools that read it.
    mutating func foldPads() throws(ONNXError) {
        let nonNegative = nonNegative
        for index in nodes.indices {
            for operand in nodes[index].inputs.indices {
                let value = nodes[index].inputs[operand]
                guard let pad = node(of: value),
                    case .operation(.pad(let frame)) = nodes[pad].kind, frame.isFrame,
                    case let source = nodes[pad].inputs[0],
                    let kind = nodes[index].kind.padded(
                        frame, nonNegative: nonNegative[source]),
                    kind.windowAlwaysMeets(shape(of: source))
                else { continue }
                nodes[index].kind = kind
                nodes[index].inputs[operand] = source
            }
        }
        removeUnused()
        for node in nodes {
            guard case .operation(.pad(let pad)) = node.kind, !pad.value.isFinite else { continue }
            throw node.error(
                .unsupported, "pads with \(pad.value), and not only in front of a MaxPool.")
        }
    }

    /// For each value, whether all its elements are known to be at least 0.
    private var nonNegative: [Bool] {
        var known = [Bool](repeating: false, count: inputs.count)
        for node in nodes {
            let operands = node.inputs.map { known[$0] }
            let result =
                switch node.kind {
                case .operation(let operation): operation.form.isNonNegative(operands)
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
        _ frame: ConstantPad, nonNegative: Bool
    ) -> Self? {
        let filler = frame.value
        switch self {
        case .convolution(var draft) where filler == 0:
            draft.convolution.window = draft.convolution.window.padded(frame)
            return .convolution(draft)
        case .operation(.maxPool(let window)):
            // The pool leaves its own padding out, so the frame must never be a maximum.
            guard filler <= -.greatestFiniteMagnitude || filler == 0 && nonNegative else {
                return nil
            }
            return .operation(.maxPool(window.padded(frame)))
        case .operation(.averagePool(let window, let countIncludePad)) where filler == 0:
            guard countIncludePad || !window.isPadded else { return nil }
            return .operation(.averagePool(window.padded(frame), countIncludePad: true))
        default: return nil
        }
    }

    /// Whether a pool's windows all see at least one pixel of the image. True for all else.
    fileprivate func windowAlwaysMeets(_ shape: TensorShape) -> Bool {
        switch self {
        case .operation(.maxPool(let window)),
            .operation(.averagePool(let window, countIncludePad: false)):
            window.alwaysMeets(shape)
        default: true
        }
    }
}

extension Window {
    fileprivate func padded(_ frame: ConstantPad) -> Window {
        var window = self
        window.padTop += frame.before[0]
        window.padLeft += frame.before[1]
        window.padBottom += frame.after[0]
        window.padRight += frame.after[1]
        return window
    }

    /// Whether every position of the window has at least one tap inside an image of `shape`.
    func alwaysMeets(_ shape: TensorShape) -> Bool {
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

extension ConstantPad {
    /// Whether it adds rows and columns of a feature map only.
    fileprivate var isFrame: Bool {
        before.count == 3 && before[TensorShape.channelAxis] == 0
            && after[TensorShape.channelAxis] == 0
    }
}
