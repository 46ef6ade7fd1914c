// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Mul and Div (opset 7): of two feature maps, or of one by a constant per channel.
extension ONNXOperator {
    static let multiply = ONNXOperator(
        ["Mul"],
        translate: { call, network throws(ONNXError) in try network.arithmetic(call) },
        read: { node, reader in try reader.readMultiply(node) })

    static let divide = ONNXOperator(
        ["Div"],
        translate: { call, network throws(ONNXError) in try network.arithmetic(call) })
}

extension GraphTranslation {
    /// Mul of two feature maps of equal extents, or of one by 1×1×C of the other.
    mutating func multiply(
        _ left: Activation, _ right: Activation, at call: OperatorCall
    ) throws(ONNXError) -> Value {
        if let (left, right) = try aligned(left, right, at: call) {
            return append(.multiply, [left.value, right.value], like: left, at: call)
        }
        for (whole, pixel) in [(left, right), (right, left)]
        where whole.view.isScaled(by: pixel.view) {
            return append(.multiply, [whole.value, pixel.value], like: whole, at: call)
        }
        throw call.unsupported(
            "multiplies \(left.dims) and \(right.dims); only equal extents, or one number per "
                + "channel and image on one side, can be multiplied.")
    }
}

extension QDQReading {
    /// The factor that is repeated over pixels may come first or last.
    func readMultiply(_ node: Onnx_NodeProto) throws {
        _ = try QDQAttributes(node, known: [])
        if try readSilu(node) { return }
        let first = try value(Self.operand(node, 0))
        let second = try value(Self.operand(node, 1))
        for (whole, pixel) in [(first, second), (second, first)]
        where whole.view.tensor.isScaled(by: pixel.view.tensor) {
            return try append(
                node, .multiply, inputs: [whole.id, pixel.id], form: .view(whole.view))
        }
        let (left, right) = try aligned(first, second, for: node)
        try append(node, .multiply, inputs: [left.id, right.id], form: .view(left.view))
    }
}

extension Multiply: WrittenOperator {
    var keepsFlat: Bool { true }

    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        writer.append("Mul", name: call.node.name, writer.operands(call), call.target)
    }
}

extension TensorView {
    /// Whether `pixel` holds one number per channel (and image) that broadcasting repeats over
    /// height and width.
    fileprivate func isScaled(by pixel: TensorView) -> Bool {
        guard dims.count == pixel.dims.count, pixel.shape.pixels == 1,
            pixel.shape.channels == shape.channels, shape.layout == pixel.shape.layout
        else { return false }
        return dims.indices.allSatisfy { index in
            axes[index] == pixel.axes[index]
                || pixel.dims[index] == 1
                    && [Axis.height, .width].contains { axes[index] == whole($0) }
        }
    }
}
