// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// What operators share that only rearrange axes, which may stand anywhere outside the 8-bit
/// operators.
extension QDQReading {
    /// Axes as an input, or as an attribute in earlier operator sets.
    func axes(of node: Onnx_NodeProto, _ attributes: QDQAttributes) throws -> [Int] {
        try Self.optionalOperand(node, 1).map { try constant($0).int64s() }
            ?? attributes.ints("axes")
    }

    /// Gives the output the operand's value in another view; nil means it has none.
    func rearrange(
        _ node: Onnx_NodeProto, known: Set<String>,
        _ change: (TensorView, ConstantFolding.Operands) throws(ONNXError) -> TensorView?
    ) throws {
        let name = try Self.operand(node, 0)
        let attributes = try QDQAttributes(node, known: known)
        let constants = try constantOperands(of: node)
        let viewer = QDQView.Viewer(name: node.nameOrOutput, position: position)
        func changed(_ view: QDQView) throws -> QDQView {
            let new = try attributes.read { call throws(ONNXError) in
                try change(
                    view.tensor, ConstantFolding.Operands(call: call, values: constants))
            }
            guard let new else {
                throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
            }
            return QDQView(tensor: new, viewer: viewer)
        }
        switch try meaning(name) {
        case .quantized(let value, let view):
            try define(node, .quantized(value, try changed(view)))
        case .float(let value, let view):
            try define(node, .float(value, try changed(view)))
        case .result(let index, let view):
            try define(node, .result(index, try changed(view)))
        case .function(let function, let logits, let view):
            try define(node, .function(function, of: logits, try changed(view)))
        case .image, .weight, .parameter:
            throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
        }
    }

    /// Other extents of the same numbers (Reshape, Flatten, Squeeze, Unsqueeze): a view, but for
    /// extents that are no multiples of each other.
    func reshape(_ node: Onnx_NodeProto, known: Set<String>) throws {
        let name = try Self.operand(node, 0)
        let attributes = try QDQAttributes(node, known: known)
        let constants = try constantOperands(of: node)
        let value: ValueID
        let view: QDQView
        switch try meaning(name) {
        case .quantized(let id, let tensor), .float(let id, let tensor):
            (value, view) = (id, tensor)
        default:
            return try rearrange(node, known: known) { view, operands throws(ONNXError) in
                view.reshaped(to: try ConstantFolding.rearranged(view.dims, operands))
            }
        }
        let dims = try attributes.read { call throws(ONNXError) in
            try ConstantFolding.rearranged(
                view.tensor.dims, ConstantFolding.Operands(call: call, values: constants))
        }
        let viewer = QDQView.Viewer(name: node.nameOrOutput, position: position)
        var result: QDQOperand = (value, QDQView(tensor: view.tensor, viewer: viewer))
        if let tensor = view.tensor.reshaped(to: dims) {
            result.view.tensor = tensor
        } else {
            guard let (flat, steps) = view.tensor.flattened() else {
                throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
            }
            result.view.tensor = flat
            result = try apply(steps, to: result, for: node)
            guard let tensor = result.view.tensor.reshaped(to: dims) else {
                throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
            }
            result.view = QDQView(tensor: tensor, viewer: viewer)
        }
        if case .quantized = try meaning(name) {
            try define(node, .quantized(result.id, result.view))
        } else {
            try define(node, .float(result.id, result.view))
        }
    }

    /// All operands but the first: integers, or real numbers.
    func constantOperands(of node: Onnx_NodeProto) throws -> [ONNXTensor?] {
        try [nil]
            + node.input.indices.dropFirst().map { index in
                guard let name = Self.optionalOperand(node, index) else { return nil }
                let constant = try constant(name)
                switch constant.elements {
                case .float(let values):
                    return ONNXTensor(type: .float, dims: constant.axes, elements: .reals(values))
                case .int32(let values), .int64(let values), .bytes(let values, _):
                    return ONNXTensor(
                        type: .int64, dims: constant.axes,
                        elements: .integers(values.map(Int64.init)))
                }
            }
    }

    // MARK: Movements

    /// What moving a value takes, and how the result is seen.
    typealias Movements = (steps: [TensorView.Step], view: TensorView)

    /// A node that only moves data: its last step is the node, steps before it become nodes of
    /// their own.
    /// - Parameters:
    ///   - node: in the file.
    ///   - known: attributes that it may have.
    ///   - output: position of the output.
    ///   - plan: the steps; nil where they cannot be taken.
    /// - Throws: ``QDQError`` with code `unsupported` then.
    func move(
        _ node: Onnx_NodeProto, known: Set<String>, output: Int = 0,
        _ plan: (TensorView, ConstantFolding.Operands) throws(ONNXError) -> Movements?
    ) throws {
        let name = try Self.operand(node, 0)
        let attributes = try QDQAttributes(node, known: known)
        let constants = try constantOperands(of: node)
        // 8-bit values may be moved as they are.
        var isQuantized = false
        let operand: QDQOperand
        if case .quantized(let id, let view) = try meaning(name) {
            (operand, isQuantized) = ((id, view), true)
        } else {
            operand = try value(name)
        }
        let movements = try attributes.read { call throws(ONNXError) in
            try plan(
                operand.view.tensor, ConstantFolding.Operands(call: call, values: constants))
        }
        guard let (steps, view) = movements else {
            throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
        }
        var single = node
        single.output = [node.output[output]]
        if output > 0 { single.name = "\(node.nameOrOutput)#\(output + 1)" }
        let viewed = QDQView(
            tensor: view,
            viewer: view == steps.last?.view
                ? nil : QDQView.Viewer(name: node.nameOrOutput, position: position))
        guard let last = steps.last else {
            return isQuantized
                ? try define(single, .quantized(operand.id, viewed))
                : try define(single, .float(operand.id, viewed))
        }
        let source = try apply(Array(steps.dropLast()), to: operand, for: node)
        try append(single, last.operation, inputs: [source.id], form: .view(viewed))
        guard isQuantized else { return }
        meanings[single.output[0]] = nil
        let moved = try take(results.count - 1, activation: activations[operand.id])
        try define(single, value: moved, viewed)
    }

    /// Two operands in the same order.
    func aligned(
        _ first: QDQOperand, _ second: QDQOperand, for node: Onnx_NodeProto
    ) throws -> (QDQOperand, QDQOperand) {
        guard first.view.tensor.dims == second.view.tensor.dims,
            let steps = TensorView.aligned(first.view.tensor, second.view.tensor)
        else {
            throw QDQError(
                .unsupported, "\(node.opType) has operands of different extents or arrangement")
        }
        return (
            try apply(steps.0, to: first, for: node), try apply(steps.1, to: second, for: node)
        )
    }
}
