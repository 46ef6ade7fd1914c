// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Operators that only rearrange axes. They may stand anywhere outside the 8-bit operators.
extension QDQReader {
    mutating func readTranspose(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["perm"])
        let order = try attributes.extents("perm", count: 4, default: [3, 2, 1, 0])
        let name = try Self.operand(node, 0)
        if case .image(let value, isTransposed: false) = try meaning(name),
            order == QDQWriter.toNCHW
        {
            return try define(node, .image(value, isTransposed: true))
        }
        if order == QDQWriter.toNCHW { transposeQuantizedInput(name) }
        try rearrange(node, name) { view, _ in
            switch (view, order) {
            case (.map(.nchw), QDQWriter.toNHWC): .map(.nhwc)
            case (.map(.nhwc), QDQWriter.toNCHW): .map(.nchw)
            default: nil
            }
        }
    }

    /// An NHWC input that is quantized before it is transposed.
    private mutating func transposeQuantizedInput(_ name: String) {
        let value: ValueID
        switch meanings[name] {
        case .quantized(let read, .map(.nchw)), .float(let read, .map(.nchw)): value = read
        default: return
        }
        guard value < inputs.count, inputs[value].layout == .nchw,
            !results.contains(where: { $0.node.inputs.contains(value) })
        else { return }
        inputIsNHWC(value)
        // What was read of it so far has these axes; its 8-bit tensor is none that could be
        // compared.
        tensors[value] = nil
        for (name, meaning) in meanings {
            switch meaning {
            case .quantized(value, _): meanings[name] = .quantized(value, .map(.nhwc))
            case .float(value, _): meanings[name] = .float(value, .map(.nhwc))
            default: break
            }
        }
    }

    mutating func readFlatten(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["axis"])
        try attributes.require("axis", 1)
        try rearrange(node, try Self.operand(node, 0)) { view, _ in
            switch view {
            case .map(let layout): .flat(layout)
            case .flat: view
            }
        }
    }

    mutating func readUnsqueeze(_ node: Onnx_NodeProto) throws {
        let axes = try axes(of: node, QDQAttributes(node, known: ["axes"]))
        try rearrange(node, try Self.operand(node, 0)) { view, shape in
            guard case .flat = view, shape.pixels == 1 else { return nil }
            switch axes {
            case [2, 3]: return .map(.nchw)
            case [1, 2]: return .map(.nhwc)
            default: return nil
            }
        }
    }

    /// Axes as an input, or as an attribute in earlier operator sets.
    private func axes(of node: Onnx_NodeProto, _ attributes: QDQAttributes) throws -> [Int] {
        try Self.optionalOperand(node, 1).map { try constant($0).int64s() }
            ?? attributes.ints("axes")
    }

    mutating func readSqueeze(_ node: Onnx_NodeProto) throws {
        let axes = try axes(of: node, QDQAttributes(node, known: ["axes"]))
            .map { $0 < 0 ? $0 + 4 : $0 }
        try rearrange(node, try Self.operand(node, 0)) { view, shape in
            guard case .map(let layout) = view, shape.pixels == 1 else { return nil }
            return axes.sorted() == (layout == .nchw ? [2, 3] : [1, 2]) ? .flat(layout) : nil
        }
    }

    /// Reshape that flattens, leaves a flat value as it is, or gives one without pixels its axes
    /// back.
    mutating func readReshape(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["allowzero"])
        try attributes.require("allowzero", 0)
        let target = try constant(Self.operand(node, 1)).int64s()
        let batch = inputs[0].batch
        try rearrange(node, try Self.operand(node, 0)) { view, shape in
            // Extents 0 and -1 keep or infer the batch, and one of them infers the elements.
            let keepsBatch =
                target.first == 0 || target.first == -1 && target.last == shape.count
                || target.first == batch ?? 1
            switch (view, target.count) {
            case (.map(let layout), 2), (.flat(let layout), 2):
                return keepsBatch && [-1, shape.count].contains(target[1]) ? .flat(layout) : nil
            case (_, 4):
                let axes = [shape.channels, shape.height, shape.width]
                let isSame = zip(target[1...], axes).allSatisfy { $0 == $1 }
                return shape.pixels == 1 && isSame ? .map(.nchw) : nil
            default: return nil
            }
        }
    }

    /// Mean over height and width.
    mutating func readMean(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(
            node, known: ["axes", "keepdims", "noop_with_empty_axes"])
        let keeps = try attributes.int("keepdims", default: 1) != 0
        let name = try Self.operand(node, 0)
        let operand = try meanOperand(name)
        let axes = try axes(of: node, attributes).map { $0 < 0 ? $0 + 4 : $0 }.sorted()
        guard case .map(let layout) = operand.view, axes == (layout == .nchw ? [2, 3] : [1, 2])
        else {
            throw QDQError(
                .unsupported, tensor: name, "ReduceMean must average over height and width")
        }
        try append(
            node, .globalAveragePool, inputs: [operand.id],
            view: keeps ? .map(layout) : .flat(layout))
    }

    /// Gives the output the operand's value in another arrangement; nil means it has none.
    private mutating func rearrange(
        _ node: Onnx_NodeProto, _ name: String, _ change: (View, FeatureShape) -> View?
    ) throws {
        func changed(_ view: View, _ shape: FeatureShape) throws -> View {
            guard let new = change(view, shape) else {
                throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
            }
            return new
        }
        switch try meaning(name) {
        case .quantized(let value, let view):
            try define(node, .quantized(value, try changed(view, shape(of: value))))
        case .float(let value, let view):
            try define(node, .float(value, try changed(view, shape(of: value))))
        case .result(let index, let view):
            try define(node, .result(index, try changed(view, results[index].node.shape)))
        case .function(let function, let logits, let view):
            let new = try changed(view, shape(of: logits))
            try define(node, .function(function, of: logits, new))
        case .image, .weight, .parameter:
            throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
        }
    }
}
