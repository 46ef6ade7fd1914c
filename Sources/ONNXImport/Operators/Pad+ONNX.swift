// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Pad (opset 2 to 23) of any axes: with a constant, which windows take in that read it, or with
/// elements of the operand; negative widths crop.
extension ONNXOperator {
    static let pad = ONNXOperator(
        ["Pad"],
        translate: { call, network throws(ONNXError) in try network.pad(call) },
        read: { node, reader in try reader.readPad(node) })
}

extension TensorView {
    fileprivate static let padAttributes: Set = ["mode", "pads", "value"]

    /// Pads axes of the ONNX tensor.
    /// - Parameters:
    ///   - axes: where the positions of an axis come from, nil for the constant.
    ///   - value: the constant.
    /// - Returns: the steps; nil where the batch would be padded, or its images mixed.
    fileprivate func padded(_ axes: [Int: [Int?]], value: Float) -> [Step]? {
        var steps: [Step] = []
        var view = self
        var before = [Int](repeating: 0, count: dims.count)
        var after = before
        for (axis, positions) in axes.sorted(by: { $0.key < $1.key }) {
            before[axis] = positions.prefix { $0 == nil }.count
            after[axis] = positions.dropFirst(before[axis]).reversed().prefix { $0 == nil }.count
            guard let taking = view.taking(positions.compactMap(\.self), along: axis) else {
                return nil
            }
            steps += taking
            view = steps.last?.view ?? self
        }
        guard (before + after).contains(where: { $0 > 0 }) else { return steps }
        return view.padded(before: before, after: after, value: value).map { steps + $0 }
    }
}

extension GraphTranslation {
    mutating func pad(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...4, attributes: TensorView.padAttributes)
        let input = try activation(0, of: call)
        let operands = try constantOperands(of: call)
        let axes = try SelectionRules.pad(input.dims, operands)
        guard !axes.values.contains(where: { $0.allSatisfy { $0 == nil } }) else {
            throw call.malformed("leaves nothing of its input of extents \(input.dims).")
        }
        let value = try SelectionRules.padValue(operands)
        guard let steps = input.view.padded(axes, value: value) else {
            throw call.unsupported("pads \(input.dims) along the batch, or mixes its images.")
        }
        return .activation(try apply(steps, to: input, at: call))
    }
}

extension QDQReading {
    func readPad(_ node: Onnx_NodeProto) throws {
        try move(node, known: TensorView.padAttributes) { view, operands throws(ONNXError) in
            let axes = try SelectionRules.pad(view.dims, operands)
            guard !axes.values.contains(where: { $0.allSatisfy { $0 == nil } }) else { return nil }
            return try view.padded(axes, value: SelectionRules.padValue(operands))
                .map { ($0, $0.last?.view ?? view) }
        }
    }
}

extension ConstantPad: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let pads = writer.names.tensors.claim(call.node.name + "_pads")
        let filler = writer.names.tensors.claim(call.node.name + "_value")
        let widths = [0] + call.order.map { before[$0] } + [0] + call.order.map { after[$0] }
        writer.graph.initializer += [
            QDQProto.tensor(pads, widths.map(Int64.init), axes: [widths.count]),
            QDQProto.tensor(filler, [value], axes: []),
        ]
        writer.append(
            "Pad", name: call.node.name, writer.operands(call) + [pads, filler], call.target,
            [QDQProto.attribute("mode", "constant")])
    }
}
