// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import Quantization

/// What pools share.
extension GraphTranslation {
    /// Attributes of a window that slides.
    static let windowAttributes: Set = [
        "auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides",
    ]

    /// The window of a pool, and whether ceil_mode has it reach beyond the file's pads.
    func poolWindow(
        of call: OperatorCall, over input: Activation
    ) throws(ONNXError) -> (window: Window, overhangs: Bool) {
        let (window, overhangs) = try WindowAttributes(call, kernel: nil)
            .resolved(
                for: input.shape, ceiling: call.flag("ceil_mode", default: false), at: call)
        guard window.alwaysMeets(input.shape) else {
            throw call.malformed("some of its windows see nothing but padding.")
        }
        return (window, overhangs)
    }
}

extension QDQReading {
    /// A pool of a value, or of a Concat whose operands have unlike scales.
    func readPool(
        _ node: Onnx_NodeProto, acceptsFloat: Bool = false,
        _ pool: (TensorShape) throws -> Operation
    ) throws {
        guard let joined = try unquantizedConcat(node) else {
            let source = try featureMap(node, acceptsFloat: acceptsFloat)
            return try append(
                node, try pool(shape(of: source)), inputs: [source], form: .nchw)
        }
        let shape = results[joined].node.shape
        let operation = try pool(shape)
        var result = results[joined]
        result.node.name = node.nameOrOutput
        result.node.shape = try Self.outputShape(of: operation, operands: [shape], node)
        result.pool = operation
        results[joined].isPooled = true
        try define(node, .result(results.count, view(of: result.node.shape, .nchw)))
        results.append(result)
    }
}

extension QDQWriting {
    mutating func appendPool(
        _ type: String, _ window: Window, _ call: inout WriteCall,
        _ more: [Onnx_AttributeProto]
    ) {
        let input = network.graph.shape(of: call.node.inputs[0])
        let written = window.withPoolingPads(height: input.height, width: input.width) ?? window
        if written != window { call.pads = window.pads }
        append(
            type, name: call.node.name, operands(call), call.target,
            QDQProto.attributes(written) + more)
    }
}
