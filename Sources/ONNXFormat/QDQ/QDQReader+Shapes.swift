// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// What operators share that only rearrange axes, which may stand anywhere outside the 8-bit
/// operators.
extension QDQReader {
    /// Axes as an input, or as an attribute in earlier operator sets.
    func axes(of node: Onnx_NodeProto, _ attributes: QDQAttributes) throws -> [Int] {
        try Self.optionalOperand(node, 1).map { try constant($0).int64s() }
            ?? attributes.ints("axes")
    }

    /// Gives the output the operand's value in another view; nil means it has none.
    mutating func rearrange(
        _ node: Onnx_NodeProto, known: Set<String>,
        _ change: (TensorView, ConstantFolding.Operands) throws(ONNXError) -> TensorView?
    ) throws {
        let name = try Self.operand(node, 0)
        let attributes = try QDQAttributes(node, known: known)
        let constants = try constantOperands(of: node)
        let viewer = View.Viewer(name: Self.name(of: node), position: position)
        func changed(_ view: View) throws -> View {
            let new = try attributes.read { call throws(ONNXError) in
                try change(
                    view.tensor, ConstantFolding.Operands(call: call, values: constants))
            }
            guard let new else {
                throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
            }
            return View(tensor: new, viewer: viewer)
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
    mutating func reshape(_ node: Onnx_NodeProto, known: Set<String>) throws {
        let name = try Self.operand(node, 0)
        let attributes = try QDQAttributes(node, known: known)
        let constants = try constantOperands(of: node)
        let value: ValueID
        let view: View
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
        let viewer = View.Viewer(name: Self.name(of: node), position: position)
        var result = (id: value, view: View(tensor: view.tensor, viewer: viewer))
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
            result.view = View(tensor: tensor, viewer: viewer)
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
    mutating func move(
        _ node: Onnx_NodeProto, known: Set<String>, output: Int = 0,
        _ plan: (TensorView, ConstantFolding.Operands) throws(ONNXError) -> Movements?
    ) throws {
        let name = try Self.operand(node, 0)
        let attributes = try QDQAttributes(node, known: known)
        let constants = try constantOperands(of: node)
        let operand = try value(name)
        let movements = try attributes.read { call throws(ONNXError) in
            try plan(
                operand.view.tensor, ConstantFolding.Operands(call: call, values: constants))
        }
        guard let (steps, view) = movements else {
            throw QDQError(.unsupported, tensor: name, "this \(node.opType) is not read")
        }
        var single = node
        single.output = [node.output[output]]
        if output > 0 { single.name = "\(Self.name(of: node))#\(output + 1)" }
        let viewed = View(
            tensor: view,
            viewer: view == steps.last?.view
                ? nil : View.Viewer(name: Self.name(of: node), position: position))
        guard let last = steps.last else {
            return try define(single, .float(operand.id, viewed))
        }
        let source = try apply(Array(steps.dropLast()), to: operand, for: node)
        try append(single, last.operation, inputs: [source.id], form: .view(viewed))
    }

    /// Brings a value into another form by nodes that the file shows as views, or not at all.
    mutating func apply(
        _ steps: [TensorView.Step], to operand: (id: ValueID, view: View), for node: Onnx_NodeProto
    ) throws -> (id: ValueID, view: View) {
        var result = operand
        for step in steps {
            let movement = Movement(value: result.id, operation: step.operation)
            if movements[movement] == nil {
                let own = Self.name(of: node) + "_operand"
                var name = result.view.viewer?.name ?? own
                var suffix = 1
                while nodeNames.contains(name) {
                    suffix += 1
                    name = "\(result.view.viewer?.name ?? own)#\(suffix)"
                }
                movements[movement] = try append(
                    Node(
                        name: name, operation: step.operation, inputs: [result.id],
                        shape: step.view.shape),
                    activation: activations[result.id])
                // Behind its operand, which others may have needed later than where it is seen.
                let source = result.id < inputs.count ? 0 : positions[result.id - inputs.count]
                positions.append(max(result.view.viewer?.position ?? position, source))
            }
            result = (movements[movement] ?? result.id, View(tensor: step.view))
        }
        return result
    }

    /// Two operands in the same order.
    mutating func aligned(
        _ first: (id: ValueID, view: View), _ second: (id: ValueID, view: View),
        for node: Onnx_NodeProto
    ) throws -> ((id: ValueID, view: View), (id: ValueID, view: View)) {
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
