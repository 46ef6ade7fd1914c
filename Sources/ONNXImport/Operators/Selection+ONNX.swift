// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Slice (opset 1 to 13), Split (opset 2 to 18), Gather of constant indices (opset 1 to 13), Tile
/// (opset 6) and Expand (opset 8): positions taken along axes.
extension ONNXOperator {
    static let slice = ONNXOperator(
        ["Slice"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 1...5, attributes: ["axes", "ends", "starts"])
            return try network.select(call, SelectionRules.slice)
        },
        read: { node, reader in
            try reader.select(node, known: [], SelectionRules.slice)
        })

    static let tile = ONNXOperator(
        ["Tile"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 2...2)
            return try network.select(call, SelectionRules.tile)
        },
        read: { node, reader in
            try reader.select(node, known: [], SelectionRules.tile)
        })

    static let expand = ONNXOperator(
        ["Expand"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 2...2)
            let operands = try network.constantOperands(of: call)
            var activation = try network.activation(0, of: call)
            let (aligned, positions) = try SelectionRules.expand(activation.dims, operands)
            if aligned != activation.dims {
                activation = try network.reshaped(activation, to: aligned, at: call)
            }
            return .activation(try network.take(positions, of: activation, at: call))
        })

    static let gather = ONNXOperator(
        ["Gather"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 2...2, attributes: ["axis"])
            let operands = try network.constantOperands(of: call)
            let activation = try network.activation(0, of: call)
            let (axis, positions, indices) = try SelectionRules.gather(activation.dims, operands)
            let taken = try network.take([axis: positions], of: activation, at: call)
            var dims = taken.dims
            dims.replaceSubrange(axis...axis, with: indices)
            return .activation(try network.reshaped(taken, to: dims, at: call))
        },
        read: { node, reader in try reader.readGather(node) })

    static let split = ONNXOperator(
        ["Split"],
        split: { call, network throws(ONNXError) in
            try call.expect(inputs: 1...2, attributes: ["axis", "num_outputs", "split"])
            let operands = try network.constantOperands(of: call)
            let activation = try network.activation(0, of: call)
            let (axis, parts) = try SelectionRules.split(activation.dims, operands)
            var results: [GraphTranslation.Value] = []
            for (part, name) in zip(parts, call.node.output) {
                guard network.isRead(name) else {
                    results.append(.activation(activation))
                    continue
                }
                results.append(
                    .activation(try network.take([axis: part], of: activation, at: call)))
            }
            return results
        },
        read: { node, reader in try reader.readSplit(node) })
}

extension GraphTranslation {
    /// Takes the positions that a rule gives for the axes of operand 0.
    fileprivate mutating func select(
        _ call: OperatorCall,
        _ rule: ([Int], ConstantFolding.Operands) throws(ONNXError) -> [Int: [Int]]
    ) throws(ONNXError) -> Value {
        let operands = try constantOperands(of: call)
        let activation = try activation(0, of: call)
        return .activation(
            try take(rule(activation.dims, operands), of: activation, at: call))
    }

    /// Takes positions along ONNX axes.
    fileprivate mutating func take(
        _ positions: [Int: [Int]], of activation: Activation, at call: OperatorCall
    ) throws(ONNXError) -> Activation {
        var result = activation
        for (axis, positions) in positions.sorted(by: { $0.key < $1.key }) {
            guard !positions.isEmpty else {
                throw call.unsupported("takes nothing of axis \(axis) of \(activation.dims).")
            }
            guard let steps = result.view.taking(positions, along: axis) else {
                throw call.unsupported(
                    "takes images of a batch of \(activation.dims), or mixes them.")
            }
            result = try apply(steps, to: result, at: call)
        }
        return result
    }
}

extension TensorView {
    /// Takes positions along several ONNX axes; nil as ``taking(_:along:)``.
    fileprivate func taking(_ positions: [Int: [Int]]) -> [Step]? {
        var steps: [Step] = []
        for (axis, positions) in positions.sorted(by: { $0.key < $1.key }) {
            guard !positions.isEmpty,
                let more = (steps.last?.view ?? self).taking(positions, along: axis)
            else { return nil }
            steps += more
        }
        return steps
    }
}

extension QDQReading {
    fileprivate func select(
        _ node: Onnx_NodeProto, known: Set<String>,
        _ rule: ([Int], ConstantFolding.Operands) throws(ONNXError) -> [Int: [Int]]
    ) throws {
        try move(node, known: known) { view, operands throws(ONNXError) in
            view.taking(try rule(view.dims, operands)).map { ($0, $0.last?.view ?? view) }
        }
    }

    /// Indices of any rank give their axes to the result.
    fileprivate func readGather(_ node: Onnx_NodeProto) throws {
        try move(node, known: ["axis"]) { view, operands throws(ONNXError) in
            let (axis, positions, indices) = try SelectionRules.gather(view.dims, operands)
            guard let steps = view.taking([axis: positions]) else { return nil }
            let taken = steps.last?.view ?? view
            var dims = taken.dims
            dims.replaceSubrange(axis...axis, with: indices)
            return taken.reshaped(to: dims).map { (steps, $0) }
        }
    }

    fileprivate func readSplit(_ node: Onnx_NodeProto) throws {
        for index in node.output.indices {
            try move(node, known: ["axis", "num_outputs", "split"], output: index) {
                view, operands throws(ONNXError) in
                let (axis, parts) = try SelectionRules.split(view.dims, operands)
                return view.taking([axis: parts[index]]).map { ($0, $0.last?.view ?? view) }
            }
        }
    }
}

extension Take: WrittenOperator {
    var keepsFlat: Bool { axis == TensorShape.channelAxis }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let name = call.node.name
        let place = call.isFlat ? 0 : call.order.firstIndex(of: axis) ?? axis
        func constant(_ suffix: String, _ values: [Int]) -> String {
            let tensor = writer.names.tensors.claim(name + suffix)
            writer.graph.initializer.append(
                QDQProto.tensor(tensor, values.map(Int64.init), axes: [values.count]))
            return tensor
        }
        switch positions {
        case .spaced(let first, let step, let count) where step != 0:
            // Behind the last position; before the first, an end must not count from the end.
            let end = first + count * step
            let bounds = [
                constant("_starts", [first]), constant("_ends", [end < 0 ? Int(Int32.min) : end]),
                constant("_axes", [place + 1]), constant("_steps", [step]),
            ]
            writer.append("Slice", name: name, writer.operands(call) + bounds, call.target)
        case .spaced, .listed:
            writer.append(
                "Gather", name: name,
                writer.operands(call) + [constant("_indices", positions.list)], call.target,
                [QDQProto.attribute("axis", place + 1)])
        }
    }
}
