// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

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
        let rank = parts[0].dims.count
        let axis = try call.axis(given, rank: rank)
        if parts.count == 1 { return .activation(parts[0]) }
        guard parts.allSatisfy({ $0.dims.count == rank }),
            let joined = TensorView.joined(parts.map(\.view), along: axis)
        else {
            throw call.unsupported(
                "joins \(parts.map(\.dims)) along axis \(axis), which do not fit or mix images of "
                    + "a batch.")
        }
        try Self.check(joined.view.shape, at: call)
        var values: [ValueID] = []
        for (part, steps) in zip(parts, joined.steps) {
            values.append(try apply(steps, to: part, at: call).value)
        }
        return append(
            .concat(axis: joined.axis), values, like: Activation(value: 0, view: joined.view),
            at: call)
    }
}

extension QDQReading {
    func readConcat(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ["axis"])
        let axis = try attributes.int("axis", default: 1)
        var operands: [QDQOperand] = []
        for index in node.input.indices {
            operands.append(try value(Self.operand(node, index)))
        }
        guard let rank = operands.first?.view.tensor.dims.count, -rank..<rank ~= axis else {
            throw QDQError(.malformedGraph, "Concat has no operands, or no axis \(axis)")
        }
        let place = axis < 0 ? axis + rank : axis
        guard operands.allSatisfy({ $0.view.tensor.dims.count == rank }),
            let joined = TensorView.joined(operands.map(\.view.tensor), along: place)
        else {
            throw QDQError(.unsupported, "Concat has operands that do not fit along axis \(axis)")
        }
        var inputs: [ValueID] = []
        for (operand, steps) in zip(operands, joined.steps) {
            inputs.append(try apply(steps, to: operand, for: node).id)
        }
        try append(
            node, .concat(axis: joined.axis), inputs: inputs,
            form: .view(QDQView(tensor: joined.view)))
    }

    /// The Concat that a node reads whose operands have unlike scales and that nothing else has
    /// read, as an index into `results`.
    func unquantizedConcat(_ node: Onnx_NodeProto) throws -> Int? {
        guard case .result(let index, let view) = meanings[try Self.operand(node, 0)],
            view.tensor.isNCHW, results[index].value == nil,
            results[index].node.operation == .concat(axis: TensorShape.channelAxis),
            results[index].pool == nil, results[index].node.clamp == .none,
            exactActivation(of: results[index]) == nil
        else { return nil }
        return index
    }
}

extension Concat: WrittenOperator {
    var keepsFlat: Bool { axis == TensorShape.channelAxis }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let place = call.isFlat ? 0 : call.order.firstIndex(of: axis) ?? axis
        writer.append(
            "Concat", name: call.node.name, writer.operands(call), call.target,
            [QDQProto.attribute("axis", place + 1)])
    }
}
