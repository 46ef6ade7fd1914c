// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// MaxPool (opset 8 to 12).
extension ONNXOperator {
    static let maxPool = ONNXOperator(
        ["MaxPool"],
        translate: { call, network throws(ONNXError) in try network.maxPool(call) },
        read: { node, reader in try reader.readMaxPool(node) })
}

extension GraphTranslation {
    mutating func maxPool(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: Self.windowAttributes.union(["storage_order"]))
        let input = try imageOperand(of: call)
        let (window, _) = try poolWindow(of: call, over: input)
        return try append(.maxPool(window), of: input, at: call)
    }
}

extension QDQReading {
    func readMaxPool(_ node: Onnx_NodeProto) throws {
        func pool(over shape: TensorShape) throws -> Operation {
            let attributes = try QDQAttributes(
                node, known: GraphTranslation.windowAttributes.union(["storage_order"]))
            try attributes.require("storage_order", 0)
            return .maxPool(try attributes.window(over: shape))
        }
        if try !readMaxPoolOfResult(node, pool) { try readPool(node, pool) }
    }

    /// A max-pool between an operator and its quantizer: rounding keeps order, so the result may as
    /// well be quantized first.
    /// - Returns: false where the pool is another.
    func readMaxPoolOfResult(
        _ node: Onnx_NodeProto, _ pool: (TensorShape) throws -> Operation
    ) throws -> Bool {
        guard case .result(let index, let view) = meanings[try Self.operand(node, 0)],
            view.tensor.isNCHW, results[index].value == nil,
            exactActivation(of: results[index]) == nil
        else { return false }
        let shape = results[index].node.shape
        let pool = try pool(shape)
        let pooled = try Self.outputShape(of: pool, operands: [shape], node)
        try define(node, .result(results.count, self.view(of: pooled, .nchw)))
        // Its input is the value that the result becomes.
        let made = Node(name: node.nameOrOutput, operation: pool, inputs: [0], shape: pooled)
        results.append(QDQResult(node: made, position: position, selected: index))
        results[index].isPooled = true
        return true
    }
}

extension MaxPool: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        writer.appendPool("MaxPool", window, &call, [QDQProto.dilations(window)])
    }
}
