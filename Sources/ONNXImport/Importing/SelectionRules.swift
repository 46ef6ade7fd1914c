// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Which positions of which axes operators take that select or repeat; shared by constants and
/// activations. Axes that are not named stay whole.
enum SelectionRules {
    typealias Operands = ConstantFolding.Operands

    /// Slice (opset 1 to 13): positions by axis.
    static func slice(_ dims: [Int], _ inputs: Operands) throws(ONNXError) -> [Int: [Int]] {
        let call = inputs.call
        guard let starts = try inputs.list("starts", orInput: 1),
            let ends = try inputs.list("ends", orInput: 2), starts.count == ends.count
        else { throw call.malformed("needs as many starts as ends.") }
        let axes = try call.axes(
            inputs.list("axes", orInput: 3) ?? Array(starts.indices), rank: dims.count)
        let steps =
            inputs.optional(4) == nil
            ? [Int](repeating: 1, count: starts.count) : try inputs.integers(4)
        guard axes.count == starts.count, steps.count == starts.count else {
            throw call.malformed("needs one axis and one step per start.")
        }
        var taken: [Int: [Int]] = [:]
        for (index, axis) in axes.enumerated() {
            let extent = dims[axis]
            let step = min(max(steps[index], -1 << 40), 1 << 40)
            guard step != 0 else { throw call.malformed("has a step of 0.") }
            func bound(_ value: Int, _ range: ClosedRange<Int>) -> Int {
                let fromStart = value < 0 ? value + extent : value
                return min(max(fromStart, range.lowerBound), range.upperBound)
            }
            let range = step > 0 ? 0...extent : -1...extent - 1
            let first = bound(starts[index], step > 0 ? range : 0...max(extent - 1, 0))
            // An end of -1 counts from the end, so only clamping makes it "before the first".
            let last = bound(ends[index], range)
            taken[axis] = extent == 0 ? [] : Array(stride(from: first, to: last, by: step))
        }
        return taken
    }

    /// Split: sizes as attribute (before opset 13) or operand; `num_outputs` equal parts (opset
    /// 18), the last may be smaller; else one equal part per output.
    /// - Returns: the axis, and the positions that each output takes.
    static func split(
        _ dims: [Int], _ inputs: Operands
    ) throws(ONNXError) -> (axis: Int, parts: [[Int]]) {
        let call = inputs.call
        let axis = try call.axis(call.integer("axis") ?? 0, rank: dims.count)
        let extent = dims[axis]
        let parts = call.node.output.count
        let largest = (extent + parts - 1) / parts
        let sizes =
            try inputs.list("split", orInput: 1)
            ?? (0..<parts).map { min(largest, max(extent - $0 * largest, 0)) }
        guard sizes.count == parts, sizes.allSatisfy({ 0...extent ~= $0 }),
            sizes.reduce(0, +) == extent
        else { throw call.malformed("cannot split \(extent) into \(sizes).") }
        var start = 0
        var result: [[Int]] = []
        for size in sizes {
            result.append(Array(start..<start + size))
            start += size
        }
        return (axis, result)
    }

    /// Gather (opset 1 to 13): positions along one axis, whose place the axes of the indices take.
    static func gather(
        _ dims: [Int], _ inputs: Operands
    ) throws(ONNXError) -> (axis: Int, positions: [Int], indices: [Int]) {
        let call = inputs.call
        let axis = try call.axis(call.integer("axis") ?? 0, rank: dims.count)
        let extent = dims[axis]
        var positions: [Int] = []
        for index in try inputs.integers(1) {
            guard (-extent..<extent).contains(index) else {
                throw call.malformed("index \(index) is outside of an axis of \(extent).")
            }
            positions.append(index < 0 ? index + extent : index)
        }
        return (axis, positions, try inputs[1].dims)
    }

    /// Tile (opset 6): positions of each axis.
    static func tile(_ dims: [Int], _ inputs: Operands) throws(ONNXError) -> [Int: [Int]] {
        let repeats = try inputs.integers(1)
        guard repeats.count == dims.count, repeats.allSatisfy({ 0...SizeLimits.extent ~= $0 })
        else { throw inputs.call.malformed("cannot repeat \(dims) \(repeats) times.") }
        let extents = zip(dims, repeats).map { $0 &* $1 }
        var taken: [Int: [Int]] = [:]
        for (axis, extent) in extents.enumerated() {
            guard extent <= max(SizeLimits.extent, dims[axis]) else {
                throw inputs.call.unsupported("repeats \(dims) \(repeats) times.")
            }
            taken[axis] = (0..<extent).map { $0 % dims[axis] }
        }
        return taken
    }

    /// Expand (opset 8): extents of the result, and the positions of each axis of the operand seen
    /// with as many axes.
    static func expand(
        _ dims: [Int], _ inputs: Operands
    ) throws(ONNXError) -> (aligned: [Int], positions: [Int: [Int]]) {
        let result = try ShapeRules.broadcast(dims, inputs.integers(1), at: inputs.call)
        let aligned = [Int](repeating: 1, count: result.count - dims.count) + dims
        var taken: [Int: [Int]] = [:]
        for (axis, extent) in result.enumerated() where extent != aligned[axis] {
            guard extent <= SizeLimits.extent else {
                throw inputs.call.unsupported("expands \(dims) to \(result).")
            }
            taken[axis] = [Int](repeating: 0, count: extent)
        }
        return (aligned, taken)
    }

    private enum PadMode: String { case constant, reflect, edge, wrap }

    /// Pad (opset 2 to 23): the positions of each axis, nil for the constant. Attributes up to
    /// opset 10, operands later.
    static func pad(_ dims: [Int], _ inputs: Operands) throws(ONNXError) -> [Int: [Int?]] {
        let call = inputs.call
        guard let mode = PadMode(rawValue: try call.string("mode") ?? "constant") else {
            throw call.unsupported("this mode of padding is not supported.")
        }
        guard let widths = try inputs.list("pads", orInput: 1) else {
            throw call.malformed("has no pads.")
        }
        let axes =
            inputs.optional(3) == nil
            ? Array(dims.indices) : try call.axes(inputs.integers(3), rank: dims.count)
        guard widths.count == 2 * axes.count else {
            throw call.malformed("has \(widths.count) pads for \(axes.count) axes.")
        }
        let bounds = -SizeLimits.extent...SizeLimits.extent
        var taken: [Int: [Int?]] = [:]
        for (index, axis) in axes.enumerated() {
            let (before, after) = (widths[index], widths[index + axes.count])
            let extent = dims[axis]
            guard bounds ~= before, bounds ~= after, extent + before + after >= 0,
                mode == .constant || extent > 0
            else {
                throw call.malformed("cannot pad an axis of \(extent) by \(before) and \(after).")
            }
            taken[axis] = (-before..<extent + after).map { source($0, extent: extent, mode) }
        }
        return taken
    }

    /// The constant of a Pad; 0 where none is given.
    static func padValue(_ inputs: Operands) throws(ONNXError) -> Float {
        if let value = try inputs.call.float("value") { return value }
        guard let tensor = inputs.optional(2) else { return 0 }
        guard let reals = tensor.reals, reals.count == 1 else {
            throw inputs.call.malformed("its value must be one real number.")
        }
        return reals[0]
    }

    /// Where the value at `position` comes from; nil for the constant.
    private static func source(_ position: Int, extent: Int, _ mode: PadMode) -> Int? {
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
