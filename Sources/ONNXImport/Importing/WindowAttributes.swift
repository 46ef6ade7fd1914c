// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// The attributes that Conv, MaxPool and AveragePool share, before they are resolved against an
/// image.
struct WindowAttributes {
    private enum AutoPad: String {
        case notSet = "NOTSET"
        case upper = "SAME_UPPER"
        case lower = "SAME_LOWER"
        case valid = "VALID"
    }

    private var kernel: [Int]
    private var strides: [Int]
    private var dilations: [Int]
    /// Top, left, bottom, right.
    private var pads: [Int]
    private var autoPad: AutoPad

    /// - Parameters:
    ///   - call: the node.
    ///   - kernel: extents of the weights; nil for pools, which must name theirs.
    /// - Throws: ``ONNXError`` that names the attribute.
    init(_ call: OperatorCall, kernel: [Int]?) throws(ONNXError) {
        let range = 1...SizeLimits.extent
        let steps = 1...SizeLimits.step
        if kernel == nil, !call.has("kernel_shape") { throw call.malformed("has no kernel_shape.") }
        self.kernel = try call.integers("kernel_shape", count: 2, in: range, default: 1)
        if let kernel {
            guard kernel == self.kernel || !call.has("kernel_shape"),
                kernel.allSatisfy({ range.contains($0) })
            else { throw call.malformed("its kernel_shape is not that of its weights, \(kernel).") }
            self.kernel = kernel
        }
        strides = try call.integers("strides", count: 2, in: steps, default: 1)
        dilations = try call.integers("dilations", count: 2, in: steps, default: 1)
        pads = try call.integers("pads", count: 4, in: 0...SizeLimits.step, default: 0)
        guard let autoPad = AutoPad(rawValue: try call.string("auto_pad") ?? "NOTSET") else {
            throw call.malformed("has an unknown auto_pad.")
        }
        self.autoPad = autoPad
    }

    /// The window for images of `shape`.
    ///
    /// - Parameters:
    ///   - shape: extents of the operand.
    ///   - ceiling: `ceil_mode`. As in ONNX Runtime, a window that would begin beyond the image and
    ///     its leading pad is left out.
    ///   - call: the node, for messages.
    /// - Returns: the window, its trailing pads enlarged to what the windows reach, and whether
    ///   they reach beyond the pads that the file gives.
    /// - Throws: ``ONNXError`` with code `malformed` if the kernel does not fit.
    func resolved(
        for shape: TensorShape, ceiling: Bool, at call: OperatorCall
    ) throws(ONNXError) -> (window: Window, overhangs: Bool) {
        let rows = try axis(0, extent: shape.height, ceiling: ceiling, at: call)
        let columns = try axis(1, extent: shape.width, ceiling: ceiling, at: call)
        let window = Window(
            kernelHeight: kernel[0], kernelWidth: kernel[1], strideHeight: strides[0],
            strideWidth: strides[1], dilationHeight: dilations[0], dilationWidth: dilations[1],
            padTop: rows.before, padLeft: columns.before, padBottom: rows.after,
            padRight: columns.after)
        return (window, rows.overhangs || columns.overhangs)
    }

    private func axis(
        _ axis: Int, extent: Int, ceiling: Bool, at call: OperatorCall
    ) throws(ONNXError) -> (before: Int, after: Int, overhangs: Bool) {
        let stride = strides[axis]
        let span = dilations[axis] * (kernel[axis] - 1) + 1
        var before = pads[axis]
        var after = pads[axis + 2]
        switch autoPad {
        case .notSet: break
        case .valid: (before, after) = (0, 0)
        case .upper, .lower:
            let count = (extent + stride - 1) / stride
            let total = max((count - 1) * stride + span - extent, 0)
            before = autoPad == .upper ? total / 2 : total - total / 2
            after = total - before
        }
        let room = extent + before + after - span
        guard room >= 0 else {
            throw call.malformed("its kernel does not fit into its input, even with padding.")
        }
        guard ceiling else { return (before, after, false) }
        var count = (room + stride - 1) / stride + 1
        if (count - 1) * stride >= extent + before { count -= 1 }
        let reach = (count - 1) * stride + span - extent - before
        return (before, max(after, reach), reach > after)
    }
}
