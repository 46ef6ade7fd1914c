// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// PRelu (opset 7 to 16) with one slope, or one for each channel.
extension ONNXOperator {
    static let prelu = ONNXOperator(
        ["PRelu"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 2...2)
            let activation = try network.activation(0, of: call)
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
        let operand = try value(Self.operand(node, 0))
        let slopes = try constant(Self.operand(node, 1))
        let view = operand.view.tensor
        // Of a shape that spreads over the channels alone, or of one element.
        let added = view.dims.count - slopes.axes.count
        let varying = slopes.axes.indices.filter { slopes.axes[$0] != 1 }
        let isOfChannels =
            added >= 0
            && varying.allSatisfy {
                slopes.axes[$0] == view.shape.channels && view.axes[$0 + added] == view.innermost
            }
        guard isOfChannels, varying.count <= 1 else {
            throw QDQError(
                .unsupported, tensor: slopes.name, "the slopes of a PRelu must be one per channel")
        }
        try append(
            node, .prelu(PRelu(slopes: slopes.floats())), inputs: [operand.id],
            form: .view(operand.view))
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
