// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Concat (opset 4, 13) along channels.
extension ONNXOperator {
    static let concat = ONNXOperator(
        ["Concat"],
        translate: { call, network throws(ONNXError) in try network.concat(call) },
        read: { node, reader in try reader.readConcat(node) })
}

extension GraphTranslation {
    mutating func concat(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1024, attributes: ["axis"])
        var parts: [Activation] = []
        for index in call.node.input.indices { parts.append(try activation(index, of: call)) }
        guard let given = try call.integer("axis") else { throw call.malformed("names no axis.") }
        var result = parts[0]
        let axis = try call.axis(given, rank: result.dims.count)
        result.shape.channels = 0
        for part in parts {
            // Axes of one extent appear nowhere, so one channel has to be compared as none.
            func others(_ activation: Activation) -> [[Axis]] {
                activation.axes.enumerated().map { $0 == axis ? [] : $1 }
            }
            guard part.dims.count == parts[0].dims.count, others(part) == others(parts[0]),
                part.axes[axis] == (part.shape.channels == 1 ? [] : [.channel]),
                part.shape.height == parts[0].shape.height,
                part.shape.width == parts[0].shape.width
            else {
                throw call.unsupported(
                    "joins \(parts[0].dims) and \(part.dims) along axis \(axis); only feature "
                        + "maps of equal height and width can be joined, along channels.")
            }
            result.shape.channels += part.shape.channels
        }
        try Self.check(result.shape, at: call)
        result.dims[axis] = result.shape.channels
        result.axes[axis] = result.shape.channels == 1 ? [] : [.channel]
        if parts.count == 1 { return .activation(parts[0]) }
        return append(.concat, parts.map(\.value), like: result, at: call)
    }
}

extension QDQReader {
    mutating func readConcat(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["axis"])
        let axis = try attributes.int("axis", default: 1)
        var inputs: [ValueID] = []
        var view: View?
        for index in node.input.indices {
            let operand = try value(Self.operand(node, index))
            guard view == nil || view == operand.view else {
                throw QDQError(.unsupported, "Concat has operands of different arrangement")
            }
            view = operand.view
            inputs.append(operand.id)
        }
        guard let view else { throw QDQError(.malformedGraph, "Concat has no operands") }
        let channelAxes: [Int] =
            switch view {
            case .map(.nchw): [1, -3]
            case .map(.nhwc): [3, -1]
            case .flat: inputs.allSatisfy { shape(of: $0).pixels == 1 } ? [1, -1] : []
            }
        guard channelAxes.contains(axis) else {
            throw QDQError(.unsupported, "Concat joins along axis \(axis), not along channels")
        }
        try append(node, .concat, inputs: inputs, view: view)
    }

    /// The Concat that a node reads whose operands have unlike scales and that nothing else has
    /// read, as an index into `results`.
    func unquantizedConcat(_ node: Onnx_NodeProto) throws -> Int? {
        guard case .result(let index, .map(.nchw)) = meanings[try Self.operand(node, 0)],
            results[index].value == nil, results[index].node.operation == .concat,
            results[index].pool == nil, results[index].node.clamp == .none,
            exactActivation(of: results[index]) == nil
        else { return nil }
        return index
    }
}

extension Concat: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout QDQWriter) {
        writer.append(
            "Concat", name: call.node.name, writer.operands(call), call.target,
            [QDQProto.attribute("axis", 1)])
    }
}
