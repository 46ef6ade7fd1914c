// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Pools, means and padding.
extension GraphTranslation {
    /// MaxPool and AveragePool.
    mutating func pool(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 1...1,
            attributes: [
                "auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads",
                "storage_order", "strides",
            ])
        let input = try imageOperand(of: call)
        let (window, overhangs) = try WindowAttributes(call, kernel: nil)
            .resolved(
                for: input.shape, ceiling: call.flag("ceil_mode", default: false), at: call)
        guard window.alwaysMeets(input.shape) else {
            throw call.malformed("some of its windows see nothing but padding.")
        }
        if call.type == "AveragePool" {
            var countIncludePad = try call.flag("count_include_pad", default: false)
            if countIncludePad, overhangs {
                // ONNX Runtime counts the file's pads, but not what ceil_mode reaches beyond them.
                let given = try call.integers("pads") ?? []
                guard given.allSatisfy({ $0 == 0 }) else {
                    throw call.unsupported(
                        "combines count_include_pad, pads and a ceil_mode that reaches beyond them."
                    )
                }
                countIncludePad = false
            }
            return try append(
                .averagePool(window, countIncludePad: countIncludePad),
                as: .averagePool(window, countIncludePad: countIncludePad), of: input, at: call)
        }
        return try append(.maxPool(window), as: .maxPool(window), of: input, at: call)
    }

    mutating func globalAveragePool(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1)
        let input = try imageOperand(of: call)
        return try append(.globalAveragePool, as: .globalAveragePool, of: input, at: call)
    }

    /// ReduceMean over height and width (axes as attribute up to opset 17, as input later).
    mutating func reduceMean(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 1...2, attributes: ["axes", "keepdims", "noop_with_empty_axes"])
        let input = try activation(0, of: call)
        let given = try constantOperands(of: call).list("axes", orInput: 1)
        if given?.isEmpty != false, try call.flag("noop_with_empty_axes", default: false) {
            return .activation(input)
        }
        let axes = try call.axes(
            given?.isEmpty != false ? Array(input.dims.indices) : given ?? [],
            rank: input.dims.count)
        let reduced = Set(axes.flatMap { input.axes[$0] })
        let space = Set([Axis.height, .width].filter { input.extent(of: $0) > 1 })
        guard reduced == space else {
            throw call.unsupported("averages over axes \(axes); only height and width can be.")
        }
        var result = input
        result.shape.height = 1
        result.shape.width = 1
        for axis in axes {
            result.dims[axis] = 1
            result.axes[axis] = []
        }
        if try !call.flag("keepdims", default: true) {
            let kept = input.dims.indices.filter { !axes.contains($0) }
            result.dims = kept.map { result.dims[$0] }
            result.axes = kept.map { result.axes[$0] }
        }
        if space.isEmpty { return .activation(result) }
        return append(.globalAveragePool, [input.value], like: result, at: call)
    }

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

    private mutating func pad(
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
