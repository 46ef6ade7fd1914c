// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// GlobalAveragePool (opset 1) and ReduceMean over height and width (opset 1 to 18).
extension ONNXOperator {
    static let globalAveragePool = ONNXOperator(
        ["GlobalAveragePool"],
        translate: { call, network throws(ONNXError) in try network.globalAveragePool(call) },
        read: { node, reader in try reader.readGlobalAveragePool(node) })

    static let reduceMean = ONNXOperator(
        ["ReduceMean"],
        translate: { call, network throws(ONNXError) in try network.reduceMean(call) },
        read: { node, reader in try reader.readMean(node) })
}

extension GraphTranslation {
    mutating func globalAveragePool(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1)
        let input = try imageOperand(of: call)
        return try append(.globalAveragePool, of: input, at: call)
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
        let space = Set(
            input.shape.layout == .features ? input.view.whole([.height, .width]) : [])
        guard input.shape.layout == .features, reduced == space else {
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
}

extension QDQReading {
    func readGlobalAveragePool(_ node: Onnx_NodeProto) throws {
        try readPool(node, acceptsFloat: true) { _ in
            _ = try QDQAttributes(node, known: [])
            return .globalAveragePool
        }
    }

    /// Mean over height and width.
    func readMean(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(
            node, known: ["axes", "keepdims", "noop_with_empty_axes"])
        let keeps = try attributes.int("keepdims", default: 1) != 0
        let name = try Self.operand(node, 0)
        let operand = try meanOperand(name)
        let view = operand.view.tensor
        let axes = try axes(of: node, attributes).map { $0 < 0 ? $0 + view.dims.count : $0 }
        let space = view.shape.layout == .features ? view.whole([.height, .width]) : []
        guard axes.allSatisfy(view.dims.indices.contains), Set(axes).count == axes.count,
            Set(axes.flatMap { view.axes[$0] }) == Set(space), view.shape.layout == .features,
            axes.count == 2
        else {
            throw QDQError(
                .unsupported, tensor: name, "ReduceMean must average over height and width")
        }
        var mean = QDQView(tensor: view, viewer: operand.view.viewer)
        mean.tensor.shape = TensorShape(height: 1, width: 1, channels: view.shape.channels)
        for axis in axes {
            mean.tensor.dims[axis] = 1
            mean.tensor.axes[axis] = []
        }
        if !keeps {
            let kept = view.dims.indices.filter { !axes.contains($0) }
            mean.tensor.dims = kept.map { mean.tensor.dims[$0] }
            mean.tensor.axes = kept.map { mean.tensor.axes[$0] }
        }
        try append(node, .globalAveragePool, inputs: [operand.id], form: .view(mean))
    }
}

extension GlobalAveragePool: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        writer.append(
            "GlobalAveragePool", name: call.node.name, writer.operands(call), call.target)
    }
}
