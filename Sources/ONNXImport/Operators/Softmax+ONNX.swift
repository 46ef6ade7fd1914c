// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Softmax and LogSoftmax (opset 1, 13): behind the logits, where they are no part of the network;
/// and Softmax anywhere else.
extension ONNXOperator {
    static let softmax = ONNXOperator(
        ["Softmax", "LogSoftmax"],
        translate: { call, network throws(ONNXError) in try network.softmax(call) },
        read: { node, reader in try reader.readSoftmax(node) })
}

extension TensorView {
    /// The axis that a Softmax normalizes.
    /// - Parameters:
    ///   - given: its attribute.
    ///   - isCoerced: before opset 13 all axes from it on are one.
    /// - Returns: its position; nil where it is several.
    fileprivate func normalized(_ given: Int?, isCoerced: Bool) -> Int? {
        let axis = given ?? (isCoerced ? 1 : -1)
        let first = axis < 0 ? axis + dims.count : axis
        guard dims.indices.contains(first) else { return nil }
        if !isCoerced { return first }
        let long = dims.indices[first...].filter { dims[$0] > 1 }
        return long.count > 1 ? nil : long.first ?? first
    }
}

extension GraphTranslation {
    /// Over the channels it waits for what reads it: a graph's output is what it reads, and keeps
    /// the function's name.
    mutating func softmax(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: ["axis"])
        guard let function = Graph.OutputFunction(rawValue: call.type) else {
            throw call.unsupported("is no function of an output.")
        }
        var activation = try activation(0, of: call)
        let axis = activation.view.normalized(
            try call.integer("axis"), isCoerced: document.opset < 13)
        guard let axis, let (steps, view) = activation.view.withInnermost(axis) else {
            throw call.unsupported(
                "normalizes several axes of \(activation.dims), or images of a batch.")
        }
        if steps.isEmpty {
            activation.ending = Activation.Ending(function: function, node: call.name)
            return .activation(activation)
        }
        guard function == .softmax else {
            throw call.unsupported(
                "normalizes \(activation.dims) along axis \(axis), which is not the channels alone."
            )
        }
        activation = try apply(steps, to: activation, at: call)
        activation.view = view
        return append(.softmax, [activation.value], like: activation, at: call)
    }

    /// Makes the Softmax behind a tensor a node, since a node reads it.
    mutating func compute(
        _ ending: Activation.Ending, of activation: Activation, for reader: OperatorCall
    ) throws(ONNXError) -> Activation {
        guard ending.function == .softmax else {
            throw ONNXError(
                .unsupported, node: ending.node, operatorType: ending.function.rawValue,
                "is read by \(reader.type) \(printable(reader.name)); it can only be the network's "
                    + "end.")
        }
        var result = activation
        result.ending = nil
        result.value = draft.append(
            DraftNode(
                name: ending.node, operatorType: ending.function.rawValue,
                kind: .operation(.softmax), inputs: [activation.value], shape: activation.shape))
        return result
    }
}

extension QDQReading {
    /// Behind the logits only the output may stand; a Softmax that others read is a node.
    func readSoftmax(_ node: Onnx_NodeProto) throws {
        let name = try Self.operand(node, 0)
        let given = try QDQAttributes(node, known: ["axis"]).int("axis", default: Int.min)
        guard let function = Graph.OutputFunction(rawValue: node.opType) else { return }
        func axis(_ view: QDQView) throws -> Int {
            let axis = view.tensor.normalized(
                given == Int.min ? nil : given, isCoerced: opset < 13)
            guard let axis else {
                throw QDQError(
                    .unsupported, tensor: name, "\(node.opType) is not one over a single axis")
            }
            return axis
        }
        if function == .softmax,
            try isComputedWith(node.output.first ?? "") || isOfOther(name, axis)
        {
            let operand = try value(name)
            let axis = try axis(operand.view)
            guard let (steps, view) = operand.view.tensor.withInnermost(axis) else {
                throw QDQError(
                    .unsupported, tensor: name,
                    "\(node.opType) along axis \(axis) mixes images of a batch")
            }
            let source = try apply(steps, to: operand, for: node)
            return try append(
                node, .softmax, inputs: [source.id],
                form: .view(QDQView(tensor: view, viewer: operand.view.viewer)))
        }
        let logits = try meaning(name)
        switch logits {
        case .float(_, let view), .result(_, let view):
            let axis = try axis(view)
            guard view.tensor.axes[axis] == view.tensor.innermost else {
                throw QDQError(
                    .unsupported, tensor: name,
                    "\(node.opType) along axis \(axis) is not one over the channels")
            }
            try define(node, .function(function, of: logits, view))
        case .quantized, .image, .weight, .parameter, .function:
            throw QDQError(.unsupported, tensor: name, "\(node.opType) must read float activations")
        }
    }

    /// Whether a value, quantized, is normalized along another axis than that of its channels.
    private func isOfOther(_ name: String, _ axis: (QDQView) throws -> Int) throws -> Bool {
        guard case .float(let value, let view) = try meaning(name), activations[value] != nil else {
            return false
        }
        return try view.tensor.axes[axis(view)] != view.tensor.innermost
    }

    /// Whether an operator that computes reads a tensor, however it is quantized and moved before.
    private func isComputedWith(_ name: String) -> Bool {
        let passing: Set = [
            "QuantizeLinear", "DequantizeLinear", "Identity", "Flatten", "Reshape", "Squeeze",
            "Unsqueeze", "Transpose",
        ]
        var names: Set = [name]
        for node in file.node where node.input.contains(where: names.contains) {
            guard passing.contains(node.opType) else { return true }
            names.formUnion(node.output)
        }
        return false
    }
}

extension Softmax: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let last = (call.order.firstIndex(of: call.order.count - 1) ?? 0) + 1
        writer.append(
            "Softmax", name: call.node.name, writer.operands(call), call.target,
            [QDQProto.attribute("axis", call.isFlat ? 1 : last)])
    }
}
