// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
package import ONNXModel

/// Attributes of one node of a quantized file, read as those of a float file are; anything unknown
/// is an error.
package struct QDQAttributes {
    private let call: OperatorCall

    /// Takes the attributes of a node, of which it may have those named `known`.
    /// - Throws: ``QDQError`` with code `unsupported` where it has others.
    package init(_ node: Onnx_NodeProto, known: Set<String>) throws {
        call = try Self.naming(node) { () throws(ONNXError) in
            let call = try OperatorCall(node, opset: Int(QDQProto.opset))
            try call.expect(attributes: known)
            return call
        }
    }

    /// An integer; `standard` where the attribute is missing.
    /// - Throws: ``QDQError`` with code `malformedGraph` where it has another type.
    package func int(_ name: String, default standard: Int) throws -> Int {
        try read { call throws(ONNXError) in try call.integer(name) } ?? standard
    }

    /// Any integers; none where the attribute is missing.
    func ints(_ name: String) throws -> [Int] {
        try read { call throws(ONNXError) in try call.integers(name) } ?? []
    }

    func float(_ name: String, default standard: Float) throws -> Float {
        try read { call throws(ONNXError) in try call.float(name) } ?? standard
    }

    /// Demands the value that means "not used", which a missing attribute has.
    /// - Throws: ``QDQError`` with code `unsupported`.
    package func require(_ name: String, _ value: Int) throws {
        let found = try int(name, default: value)
        guard found == value else {
            throw QDQError(
                .unsupported, node: call.node.name,
                "the attribute '\(name)' is \(found), not \(value)")
        }
    }

    /// The sliding window over images of `shape`; `kernel` are the extents of the weights, nil for
    /// pools.
    func window(over shape: TensorShape, kernel: [Int]? = nil) throws -> Window {
        try read { call throws(ONNXError) in
            let ceiling = try call.flag("ceil_mode", default: false)
            return try WindowAttributes(call, kernel: kernel)
                .resolved(for: shape, ceiling: ceiling, at: call).window
        }
    }

    /// Has `body` read the node as one of a float file.
    func read<Value>(_ body: (OperatorCall) throws(ONNXError) -> Value) throws -> Value {
        try Self.naming(call.node) { () throws(ONNXError) in try body(call) }
    }

    /// Errors of the reader of float files as those of quantized ones.
    private static func naming<Value>(
        _ node: Onnx_NodeProto, _ body: () throws(ONNXError) -> Value
    ) throws -> Value {
        do throws(ONNXError) {
            return try body()
        } catch {
            throw QDQError(
                error.code == .unsupported ? .unsupported : .malformedGraph,
                node: node.nameOrOutput,
                "\(node.opType) \(error.detail.hasSuffix(".") ? String(error.detail.dropLast()) : error.detail)"
            )
        }
    }
}
