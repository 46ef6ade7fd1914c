// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Attributes of one node, read with their defaults; anything unknown is an error.
struct QDQAttributes {
    private let node: Onnx_NodeProto
    private var byName: [String: Onnx_AttributeProto] = [:]

    /// Takes the attributes of a node, of which it may have those named `known`.
    init(_ node: Onnx_NodeProto, known: Set<String>) throws {
        self.node = node
        for attribute in node.attribute {
            guard known.contains(attribute.name) else {
                throw QDQError(
                    .unsupported, node: node.name,
                    "\(node.opType) has the attribute \(printable(attribute.name)), which is not read"
                )
            }
            byName[attribute.name] = attribute
        }
    }

    func int(_ name: String, default standard: Int) throws -> Int {
        guard let attribute = byName[name] else { return standard }
        guard attribute.type == .int else { throw wrongType(name) }
        return Int(attribute.i)
    }

    /// Any integers; none where the attribute is missing.
    func ints(_ name: String) throws -> [Int] {
        guard let attribute = byName[name] else { return [] }
        guard attribute.type == .ints else { throw wrongType(name) }
        return attribute.ints.map { Int(clamping: $0) }
    }

    func float(_ name: String, default standard: Float) throws -> Float {
        guard let attribute = byName[name] else { return standard }
        guard attribute.type == .float else { throw wrongType(name) }
        return attribute.f
    }

    func text(_ name: String, default standard: String) throws -> String {
        guard let attribute = byName[name] else { return standard }
        guard attribute.type == .string else { throw wrongType(name) }
        return String(decoding: attribute.s, as: UTF8.self)
    }

    /// Exactly `count` integers in `0...SizeLimits.extent`.
    func extents(_ name: String, count: Int, default standard: [Int]?) throws -> [Int] {
        guard let attribute = byName[name] else {
            if let standard { return standard }
            throw QDQError(
                .malformedGraph, node: node.name, "\(node.opType) lacks the attribute '\(name)'")
        }
        guard attribute.type == .ints else { throw wrongType(name) }
        let limits = 0...Int64(SizeLimits.extent)
        guard attribute.ints.count == count, attribute.ints.allSatisfy({ limits ~= $0 }) else {
            throw QDQError(
                .unsupported, node: node.name, "the attribute '\(name)' is \(attribute.ints)")
        }
        return attribute.ints.map(Int.init)
    }

    /// What QuantizeLinear and DequantizeLinear may have up to operator set 23.
    static let ofQuantizers: Set = [
        "axis", "saturate", "block_size", "output_dtype", "precision",
    ]

    /// Blocked quantization, and results of another type than the zero point's, are not read.
    func requireNoBlocks() throws {
        for name in ["block_size", "output_dtype", "precision"] { try require(name, 0) }
    }

    /// Demands the value that means "not used".
    func require(_ name: String, _ value: Int) throws {
        let found = try int(name, default: value)
        guard found == value else {
            throw QDQError(
                .unsupported, node: node.name, "the attribute '\(name)' is \(found), not \(value)")
        }
    }

    /// The sliding window over images of `shape`; `kernel` counts where the attribute
    /// `kernel_shape` is missing.
    func window(over shape: FeatureShape, kernel: [Int]? = nil) throws -> Window {
        let kernelShape = try extents("kernel_shape", count: 2, default: kernel)
        let strides = try extents("strides", count: 2, default: [1, 1])
        let dilations = try extents("dilations", count: 2, default: [1, 1])
        let pads = try extents("pads", count: 4, default: [0, 0, 0, 0])
        var window = Window(
            kernelHeight: kernelShape[0], kernelWidth: kernelShape[1],
            strideHeight: strides[0], strideWidth: strides[1],
            dilationHeight: dilations[0], dilationWidth: dilations[1]
        ).withPads(pads)
        if window.limitFault == nil {
            do throws(ONNXError) {
                let call = try OperatorCall(node, opset: Int(QDQModel.opset))
                let ceiling = try call.flag("ceil_mode", default: false)
                window = try WindowAttributes(call, kernel: kernelShape)
                    .resolved(for: shape, ceiling: ceiling, at: call).window
            } catch {
                throw QDQError(.malformedGraph, node: node.name, error.detail)
            }
        }
        if let fault = window.limitFault {
            throw QDQError(.malformedGraph, node: node.name, "\(node.opType) \(fault)")
        }
        return window
    }

    private func wrongType(_ name: String) -> QDQError {
        QDQError(.malformedGraph, node: node.name, "the attribute '\(name)' has another type")
    }
}
