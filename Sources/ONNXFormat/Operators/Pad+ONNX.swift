// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Pad (opset 2 to 21) of a constant around height and width; folded into what reads it.
extension ONNXOperator {
    static let pad = ONNXOperator(
        ["Pad"],
        translate: { call, network throws(ONNXError) in try network.pad(call) })
}

extension GraphTranslation {
    /// Pad of constant value around height and width (attributes up to opset 10, inputs later).
    mutating func pad(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...4, attributes: ["mode", "pads", "value"])
        guard try call.string("mode") ?? "constant" == "constant" else {
            throw call.unsupported("only constant padding is supported.")
        }
        let input = try activation(0, of: call)
        let operands = try constantOperands(of: call)
        let rank = input.dims.count
        guard let pads = try operands.list("pads", orInput: 1) else {
            throw call.malformed("has no pads.")
        }
        let axes =
            operands.optional(3) == nil
            ? Array(0..<rank) : try call.axes(operands.integers(3), rank: rank)
        guard pads.count == 2 * axes.count else {
            throw call.malformed("has \(pads.count) pads for \(axes.count) axes.")
        }
        var value = try call.float("value") ?? 0
        if let tensor = operands.optional(2) {
            guard let reals = tensor.reals, reals.count == 1 else {
                throw call.malformed("its value must be one real number.")
            }
            value = reals[0]
        }
        return try pad(input, axes: axes, pads: pads, value: value, at: call)
    }

    mutating func pad(
        _ input: Activation, axes: [Int], pads: [Int], value: Float, at call: OperatorCall
    ) throws(ONNXError) -> Value {
        guard pads.contains(where: { $0 != 0 }) else { return .activation(input) }
        guard let order = [Activation.nchw, Activation.nhwc].first(where: input.isOrdered) else {
            throw call.unsupported("its input of extents \(input.dims) is not an image.")
        }
        var widths = PadWidths()
        for (index, axis) in axes.enumerated() {
            let (before, after) = (pads[index], pads[index + axes.count])
            guard before != 0 || after != 0 else { continue }
            guard 0...SizeLimits.extent ~= before, 0...SizeLimits.extent ~= after else {
                throw call.unsupported("pads by \(before) and \(after); only adding is supported.")
            }
            switch order[axis] {
            case .height: (widths.top, widths.bottom) = (before, after)
            case .width: (widths.left, widths.right) = (before, after)
            case .batch, .channel:
                throw call.unsupported("pads batch or channels; only height and width can be.")
            }
        }
        let shape = FeatureShape(
            height: input.shape.height + widths.top + widths.bottom,
            width: input.shape.width + widths.left + widths.right,
            channels: input.shape.channels)
        try Self.check(shape, at: call)
        let like = Activation(value: 0, shape: shape, batch: batch, order: order)
        return append(.pad(widths, value: value), [input.value], like: like, at: call)
    }
}
