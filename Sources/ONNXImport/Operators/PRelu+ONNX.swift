// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// PRelu (opset 7 to 16) with one slope, or one for each channel.
extension ONNXOperator {
    static let prelu = ONNXOperator(
        ["PRelu"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 2...2)
            let activation = try network.operand(
                network.activation(0, of: call), besideConstant: 1, of: call)
            let constant = try network.channelConstant(1, of: call, against: activation)
            let isOne = constant.allSatisfy { $0 == constant[0] }
            let slopes = isOne ? [Float(constant[0])] : constant.map { Float($0) }
            return network.append(
                .prelu(PRelu(slopes: slopes)), [activation.value], like: activation, at: call)
        },
        read: { node, reader in try reader.readPRelu(node) })
}

extension QDQReading {
    func readPRelu(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        var operand = try value(Self.operand(node, 0))
        let constant = try constant(Self.operand(node, 1))
        var slopes = try constant.floats()
        let dims = operand.view.tensor.dims
        // Of a shape that spreads over one axis alone, or of one element.
        let added = dims.count - constant.axes.count
        let varying = constant.axes.indices.filter { constant.axes[$0] != 1 }
        guard added >= 0, varying.count <= 1,
            varying.allSatisfy({ constant.axes[$0] == dims[$0 + added] })
        else {
            throw QDQError(
                .unsupported, tensor: constant.name,
                "the slopes of a PRelu must be one for each position of an axis")
        }
        if let axis = varying.first.map({ $0 + added }) {
            if operand.view.tensor.positions(along: axis) == nil {
                guard let (steps, view) = operand.view.tensor.withInnermost(axis) else {
                    throw QDQError(.unsupported, "PRelu along axis \(axis) mixes images of a batch")
                }
                let viewer = operand.view.viewer
                operand = try apply(steps, to: operand, for: node)
                operand.view = QDQView(tensor: view, viewer: viewer)
            }
            slopes = (operand.view.tensor.positions(along: axis) ?? []).map { slopes[$0] }
        }
        try append(
            node, .prelu(PRelu(slopes: slopes)), inputs: [operand.id], form: .view(operand.view))
    }
}

extension PRelu: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let name = writer.names.tensors.claim(call.node.name + "_slope")
        let isMap = call.node.shape.layout == .features && !call.isFlat
        writer.graph.initializer.append(
            QDQProto.tensor(name, slopes, axes: isMap ? [slopes.count, 1, 1] : [slopes.count]))
        writer.append("PRelu", name: call.node.name, writer.operands(call) + [name], call.target)
    }
}
