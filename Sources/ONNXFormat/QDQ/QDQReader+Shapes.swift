import NetworkGraph

/// Operators that only rearrange axes. They may stand anywhere outside the 8-bit operators.
extension QDQReader {
    mutating func readTranspose(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["perm"])
        let order = try attributes.extents("perm", count: 4, default: [3, 2, 1, 0])
        let name = try Self.operand(node, 0)
        if case .image(isTransposed: false) = try meaning(name), order == QDQWriter.toNCHW {
            return try define(node, .image(isTransposed: true))
        }
        try rearrange(node, name) { view, _ in
            switch (view, order) {
            case (.map(.nchw), QDQWriter.toNHWC): .map(.nhwc)
            case (.map(.nhwc), QDQWriter.toNCHW): .map(.nchw)
            default: nil
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
        _ = try QDQAttributes(node, known: [])
        let axes = try constant(Self.operand(node, 1)).int64s()
        try rearrange(node, try Self.operand(node, 0)) { view, shape in
            guard case .flat = view, shape.pixels == 1 else { return nil }
            switch axes {
            case [2, 3]: return .map(.nchw)
            case [1, 2]: return .map(.nhwc)
            default: return nil
            }
        }
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
        case .image, .parameter:
            throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
        }
    }
}
