// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Pad on constants: attributes up to opset 10, operands later.
extension ConstantFolding {
    static let pads: [String: Rule] = ["Pad": one(pad)]

    private enum Mode: String { case constant, reflect, edge, wrap }

    private static func pad(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let tensor = try inputs[0]
        let rank = tensor.dims.count
        guard let mode = Mode(rawValue: try call.string("mode") ?? "constant") else {
            throw call.unsupported("this mode of padding is not supported.")
        }
        guard let widths = try inputs.list("pads", orInput: 1) else {
            throw call.malformed("has no pads.")
        }
        let axes =
            inputs.optional(3) == nil
            ? Array(0..<rank) : try call.axes(inputs.integers(3), rank: rank)
        guard widths.count == 2 * axes.count else {
            throw call.malformed("has \(widths.count) pads for \(axes.count) axes.")
        }
        let strides = strides(tensor.dims)
        let bounds = -SizeLimits.extent...SizeLimits.extent
        var offsets = zip(tensor.dims, strides).map { steps($0, $1) }
        for (index, axis) in axes.enumerated() {
            let (before, after) = (widths[index], widths[index + axes.count])
            let extent = tensor.dims[axis]
            guard bounds ~= before, bounds ~= after,
                extent + before + after >= 0, mode == .constant || extent > 0
            else {
                throw call.malformed("cannot pad an axis of \(extent) by \(before) and \(after).")
            }
            offsets[axis] = (-before..<extent + after).map { position in
                Self.source(position, extent: extent, mode).map { $0 * strides[axis] } ?? outside
            }
        }
        var fill = inputs.optional(2)
        if let value = try call.float("value") {
            fill = ONNXTensor(type: .float, dims: [1], elements: .reals([value]))
        }
        return try collect(tensor, offsets: offsets, fill: fill, at: call)
    }

    /// Makes every sum of offsets negative.
    private static let outside = -1 << 50

    /// Where the value at `position` comes from; nil for the constant.
    private static func source(_ position: Int, extent: Int, _ mode: Mode) -> Int? {
        if 0..<extent ~= position { return position }
        switch mode {
        case .constant: return nil
        case .edge: return min(max(position, 0), extent - 1)
        case .wrap: return (position % extent + extent) % extent
        case .reflect:
            guard extent > 1 else { return 0 }
            let period = 2 * (extent - 1)
            let place = (position % period + period) % period
            return min(place, period - place)
        }
    }
}
