// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
package import Quantization

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
        let stored = try storedPadValue(node)
        try move(node, known: TensorView.padAttributes) { view, operands throws(ONNXError) in
            let axes = try SelectionRules.pad(view.dims, operands)
            guard !axes.values.contains(where: { $0.allSatisfy { $0 == nil } }) else { return nil }
            let value = if let stored { stored } else { try SelectionRules.padValue(operands) }
            return view.padded(axes, value: value).map { ($0, $0.last?.view ?? view) }
        }
    }

    /// The constant of a Pad of 8-bit values as a real number; nil for any other.
    private func storedPadValue(_ node: Onnx_NodeProto) throws -> Float? {
        guard case .quantized(let value, _) = try meaning(Self.operand(node, 0)),
            let quantization = activations[value]
        else { return nil }
        guard let name = Self.optionalOperand(node, 2) else {
            return Float(-quantization.zeroPoint) * quantization.scale
        }
        guard case .bytes(let values, quantization.type) = try constant(name).elements,
            values.count == 1
        else {
            throw QDQError(
                .unsupportedType, tensor: name, "must be one element of the type that is padded")
        }
        return Float(values[0] - quantization.zeroPoint) * quantization.scale
    }
}

extension ConstantPad: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let filler = writer.names.tensors.claim(call.node.name + "_value")
        writer.graph.initializer.append(QDQProto.tensor(filler, [value], axes: []))
        append(call, writer.operands(call), filler, &writer)
    }

    /// Appends the Pad of an 8-bit tensor.
    package func write(
        _ call: WriteCall, of source: String, _ activation: TensorQuantization,
        _ writer: inout some QDQWriting
    ) {
        let filler = writer.names.tensors.claim(call.node.name + "_value")
        let stored = Int(activation.stored(value)) - activation.type.offset
        writer.graph.initializer.append(
            QDQProto.tensor(filler, [stored], type: activation.type, axes: []))
        append(call, [source], filler, &writer)
    }

    private func append(
        _ call: WriteCall, _ operands: [String], _ filler: String,
        _ writer: inout some QDQWriting
    ) {
        let pads = writer.names.tensors.claim(call.node.name + "_pads")
        let widths = [0] + call.order.map { before[$0] } + [0] + call.order.map { after[$0] }
        writer.graph.initializer.append(
            QDQProto.tensor(pads, widths.map(Int64.init), axes: [widths.count]))
        writer.append(
            "Pad", name: call.node.name, operands + [pads, filler], call.target,
            [QDQProto.attribute("mode", "constant")])
    }
}
