// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
package import Quantization
import Storage

/// The integer network as a content-addressed blob; graph and weights as in ``NetworkBlob``.
package enum QuantizedNetworkBlob {
    /// A safetensors file; the same value always gives the same bytes. Throws ``BlobError`` for
    /// weights beyond their type.
    package static func encode(_ network: QuantizedNetwork) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var file = SafetensorsFile(metadata: [
            "graph": try GraphText.encode(network.graph),
            "activations": String(
                decoding: try encoder.encode(network.activations), as: UTF8.self),
        ])
        // A byte for every weight, and scale, zero point and bias of every channel.
        let sizes = network.parameters.compactMap {
            $0.map { $0.weights.count + 12 * $0.bias.count }
        }
        file.reserveCapacity(sizes.reduce(0, +))
        for (index, parameters) in network.parameters.enumerated() {
            guard let parameters else { continue }
            guard parameters.weightsFitType else {
                throw BlobError.graph(
                    "node '\(network.graph.nodes[index].name)' has weights beyond their type")
            }
            switch parameters.type {
            case .int8:
                try file.add("weights.\(index)", parameters.weights.truncating(to: Int8.self))
            case .uint8:
                try file.add("weights.\(index)", parameters.weights.truncating(to: UInt8.self))
            }
            try file.add("scales.\(index)", parameters.scales)
            try file.add("zero-points.\(index)", parameters.zeroPoints.map(Int32.init))
            try file.add("bias.\(index)", parameters.bias)
            file.metadata["type.\(index)"] = parameters.type.rawValue
        }
        return file.encoded()
    }

    /// Reads what ``encode(_:)`` wrote. Throws ``BlobError``, `QuantizationError` for a sum that is
    /// too long, or the safetensors or JSON decoder's error.
    package static func decode(_ bytes: [UInt8]) throws -> QuantizedNetwork {
        let file = try SafetensorsFile(decoding: bytes)
        let graph = try GraphText.decode(file.metadata["graph"])
        let activations = try JSONDecoder().decode(
            [TensorQuantization?].self, from: Data((file.metadata["activations"] ?? "").utf8))
        guard activations.count == graph.valueCount else {
            throw BlobError.graph("\(activations.count) activations for \(graph.valueCount) values")
        }
        for (value, quantization) in activations.enumerated() {
            guard quantization?.isValid ?? graph.mayStayFloat(value) else {
                throw BlobError.graph("value '\(graph.name(of: value))' has no valid quantization")
            }
        }
        var parameters: [QuantizedParameters?] = []
        for (index, node) in graph.nodes.enumerated() {
            guard let weights = graph.weightCount(node) else {
                parameters.append(nil)
                continue
            }
            guard let type = IntegerType(rawValue: file.metadata["type.\(index)"] ?? "") else {
                throw BlobError.graph("node '\(node.name)' has no weight type")
            }
            let layer = QuantizedParameters(
                weights: type == .int8
                    ? try file.int8s("weights.\(index)", shape: [weights])
                        .truncating(to: Int16.self)
                    : try file.uint8s("weights.\(index)", shape: [weights])
                        .truncating(to: Int16.self),
                type: type,
                scales: try file.floats("scales.\(index)"),
                zeroPoints: try file.int32s("zero-points.\(index)").map(Int.init),
                bias: try file.int32s("bias.\(index)", shape: [node.shape.channels]))
            guard layer.isValid else {
                throw BlobError.graph("node '\(node.name)' has no valid weight quantization")
            }
            parameters.append(layer)
        }
        let network = QuantizedNetwork(
            graph: graph, parameters: parameters, activations: activations)
        try network.validate(acceptsBiases: true)
        return network
    }
}

extension TensorQuantization {
    fileprivate var isValid: Bool {
        scale.isFinite && scale > 0 && (type.minimum...type.maximum).contains(zeroPoint)
    }
}

extension QuantizedParameters {
    fileprivate var weightsFitType: Bool {
        // Counted from the least that fits, those that do have no bits above a byte.
        let least = Int16(type.minimum)
        return weights.reduce(UInt16(0)) { $0 | UInt16(bitPattern: $1 &- least) } < 256
    }

    /// Whatever the weights are: read as bytes of their type, they fit it.
    fileprivate var isValid: Bool {
        let range = type.minimum...type.maximum
        return [1, bias.count].contains(scales.count) && zeroPoints.count == scales.count
            && scales.allSatisfy { $0.isFinite && $0 > 0 }
            && zeroPoints.allSatisfy { range.contains($0) }
    }
}

extension BiasState {
    /// Little-endian int32, layer after layer: the payload of a task.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        for layer in layers { layer.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Nil if the size does not fit `network`'s layers.
    package init?(decoding bytes: [UInt8], for network: QuantizedNetwork) {
        var layers: [[Int32]] = []
        var offset = 0
        for parameters in network.parameters {
            guard let count = parameters?.bias.count else { continue }
            let size = 4 * count
            guard offset + size <= bytes.count else { return nil }
            layers.append(
                bytes.withUnsafeBytes { source in
                    (0..<count).map {
                        source.loadUnaligned(fromByteOffset: offset + 4 * $0, as: Int32.self)
                    }
                })
            offset += size
        }
        guard offset == bytes.count else { return nil }
        self.init(layers: layers)
    }
}
