// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Reshape (opset 5 to 21), Flatten, Squeeze and Unsqueeze (opset 1 to 21), which only rearrange
/// axes.
extension ONNXOperator {
    static let reshape = ONNXOperator(
        ["Reshape"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.readReshape(node) })

    static let flatten = ONNXOperator(
        ["Flatten"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.readFlatten(node) })

    static let squeeze = ONNXOperator(
        ["Squeeze"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.readSqueeze(node) })

    static let unsqueeze = ONNXOperator(
        ["Unsqueeze"],
        translate: { call, network throws(ONNXError) in try network.rearrange(call) },
        read: { node, reader in try reader.readUnsqueeze(node) })
}

extension GraphTranslation {
    mutating func rearrange(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...2, attributes: ["allowzero", "axes", "axis"])
        let activation = try activation(0, of: call)
        let dims = try ConstantFolding.rearranged(
            activation.dims, constantOperands(of: call))
        guard let result = activation.reshaped(to: dims) else {
            throw call.unsupported(
                "from \(activation.dims) to \(dims) splits an axis of the image, which is not "
                    + "supported.")
        }
        return .activation(result)
    }
}

extension QDQReader {
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
}
