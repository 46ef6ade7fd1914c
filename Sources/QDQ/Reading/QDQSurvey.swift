// SPDX-License-Identifier: Apache-2.0

import ONNXImport
import ONNXModel
import PrintableText

/// Everything in a QDQ graph that keeps it from being read, found without reading it: what a reader
/// that stops at the first such node cannot tell.
struct QDQSurvey {
    private(set) var findings: [QDQError.Finding] = []
    private let constants: Set<String>
    private let axes: [String: [Int64]]
    private let producers: [String: Onnx_NodeProto]

    init(_ graph: Onnx_GraphProto) {
        let made = graph.node.filter { $0.opType == "Constant" }
        constants = Set(graph.initializer.map(\.name) + made.flatMap(\.output))
        axes = Dictionary(graph.initializer.map { ($0.name, $0.dims) }) { first, _ in first }
        producers = Dictionary(
            graph.node.flatMap { node in node.output.map { ($0, node) } }
        ) { first, _ in first }
        for node in graph.node {
            if let reason = reason(node) { add(node.nameOrOutput, reason) }
        }
    }

    private mutating func add(_ name: String, _ reason: String) {
        if let index = findings.firstIndex(where: { $0.reason == reason }) {
            findings[index].nodes.append(name)
        } else {
            findings.append(QDQError.Finding(reason: reason, nodes: [name]))
        }
    }

    private static let layers: Set = ["Conv", "Gemm", "MatMul"]
    /// Operators that compute, and that a value without a quantizer may not pass between.
    private static let computing = layers.union([
        "Add", "Mul", "HardSigmoid", "HardSwish", "LRN", "Concat", "MaxPool", "AveragePool",
        "GlobalAveragePool", "ReduceMean",
    ])
    /// Operators that pass a value on, clamped or moved.
    private static let passing: Set = [
        "Relu", "Clip", "Identity", "Transpose", "Flatten", "Reshape", "Squeeze", "Unsqueeze",
        "Slice", "Split", "Gather", "Tile", "Pad", "Resize", "Upsample",
    ]
    private static let quantizing: Set = ["QuantizeLinear", "DequantizeLinear", "Constant"]

    private static func isRead(_ type: String) -> Bool {
        quantizing.contains(type) || QDQReader.reads(type)
    }

    private func reason(_ node: Onnx_NodeProto) -> String? {
        guard QDQReader.isStandard(node.domain), Self.isRead(node.opType) else {
            return "operators \(node.opType.printable()), which are not read"
        }
        switch node.opType {
        case "BatchNormalization": return "BatchNormalization that was not folded"
        case "QuantizeLinear":
            guard node.input.count > 1, !constants.contains(node.input[0]) else { return nil }
            let extents = axes[node.input[1]] ?? []
            return extents.contains { $0 > 1 }
                ? "quantizers of activations with one scale per channel" : nil
        case let type where Self.layers.contains(type):
            if node.input.count > 1, constants.contains(node.input[1]) {
                return "layers that were left in float"
            }
        default: break
        }
        guard Self.computing.contains(node.opType) else { return nil }
        // A bias of its own, or joined values: both can be read in float.
        let isBias = node.opType == "Add" && node.input.contains { constants.contains($0) }
        let isMean = ["GlobalAveragePool", "ReduceMean"].contains(node.opType)
        let readsFloat = node.input.contains { name in
            guard let source = computed(name) else { return false }
            return source.opType != "Concat" && source.opType != "MaxPool"
                && !(isMean && Self.layers.contains(source.opType))
        }
        let selects = node.opType == "MaxPool"
        return readsFloat && !isBias && !selects ? "nodes that read a float result" : nil
    }

    /// The node that computes a tensor which no quantizer made 8-bit.
    private func computed(_ name: String) -> Onnx_NodeProto? {
        var name = name
        // Each step goes to another node in front, and a damaged graph may have a ring.
        for _ in 0...producers.count {
            guard let node = producers[name] else { return nil }
            if Self.computing.contains(node.opType) { return node }
            guard Self.passing.contains(node.opType), let first = node.input.first else {
                return nil
            }
            name = first
        }
        return nil
    }
}
