// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// AveragePool (opset 7 to 19).
extension ONNXOperator {
    static let averagePool = ONNXOperator(
        ["AveragePool"],
        translate: { call, network throws(ONNXError) in try network.averagePool(call) },
        read: { node, reader in try reader.readAveragePool(node) })
}

extension GraphTranslation {
    mutating func averagePool(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(
            inputs: 1...1, attributes: Self.windowAttributes.union(["count_include_pad"]))
        let input = try imageOperand(of: call)
        let (window, overhangs) = try poolWindow(of: call, over: input)
        var countIncludePad = try call.flag("count_include_pad", default: false)
        if countIncludePad, overhangs {
            // ONNX Runtime counts the file's pads, but not what ceil_mode reaches beyond them.
            let given = try call.integers("pads") ?? []
            guard given.allSatisfy({ $0 == 0 }) else {
                throw call.unsupported(
                    "combines count_include_pad, pads and a ceil_mode that reaches beyond them.")
            }
            countIncludePad = false
        }
        return try append(
            .averagePool(window, countIncludePad: countIncludePad), of: input, at: call)
    }
}

extension QDQReading {
    func readAveragePool(_ node: Onnx_NodeProto) throws {
        try readPool(node) { shape in
            let attributes = try QDQAttributes(
                node,
                known: [
                    "kernel_shape", "strides", "pads", "auto_pad", "ceil_mode", "count_include_pad",
                ])
            let counts = try attributes.int("count_include_pad", default: 0) != 0
            if counts { try attributes.require("ceil_mode", 0) }
            return .averagePool(try attributes.window(over: shape), countIncludePad: counts)
        }
    }
}

extension AveragePool: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        writer.appendPool(
            "AveragePool", window, &call,
            [QDQProto.attribute("count_include_pad", countIncludePad ? 1 : 0)])
    }
}
