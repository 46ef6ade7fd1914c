// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Foundation
package import NetworkGraph
package import Storage

/// What a worker needs to run float rounds, as one content-addressed blob: graph, weights and pixel
/// encoding.
package struct NetworkBlob: Hashable, Sendable {
    /// As given, before equalization.
    package var network: FloatNetwork
    /// From pixels to the first input's values; without tables where images are arrays.
    package var encoding: InputEncoding

    /// Memberwise, unchecked.
    package init(network: FloatNetwork, encoding: InputEncoding) {
        self.network = network
        self.encoding = encoding
    }

    /// A safetensors file; the same value always gives the same bytes.
    package func encoded() throws -> [UInt8] {
        var file = SafetensorsFile(metadata: ["graph": try GraphText.encode(network.graph)])
        let elements =
            network.parameters.compactMap { $0.map { $0.weights.count + $0.bias.count } }
            + encoding.tables.map(\.count)
        file.reserveCapacity(elements.reduce(0, +) * MemoryLayout<Float>.stride)
        for (index, parameters) in network.parameters.enumerated() {
            guard let parameters else { continue }
            try file.add("weights.\(index)", parameters.weights)
            try file.add("bias.\(index)", parameters.bias)
        }
        for (channel, table) in encoding.tables.enumerated() {
            try file.add("pixel-table.\(channel)", table)
        }
        return file.encoded()
    }

    /// The blob with its name.
    package func sealed() throws -> Sealed {
        let bytes = try encoded()
        return Sealed(bytes: bytes, digest: Digest.sha256(of: bytes))
    }

    /// An encoded blob and its digest.
    package struct Sealed: Sendable {
        /// A safetensors file.
        package let bytes: [UInt8]
        /// SHA-256 of ``bytes``.
        package let digest: Digest
    }

    /// - Throws: ``BlobError`` or the safetensors decoder's error when the bytes are no such blob.
    package init(decoding bytes: [UInt8]) throws {
        let file = try SafetensorsFile(decoding: bytes)
        let graph = try GraphText.decode(file.metadata["graph"])
        var parameters: [FloatParameters?] = []
        for (index, node) in graph.nodes.enumerated() {
            guard let count = graph.weightCount(node) else {
                parameters.append(nil)
                continue
            }
            parameters.append(
                FloatParameters(
                    weights: try file.floats("weights.\(index)", shape: [count]),
                    bias: try file.floats("bias.\(index)", shape: [node.shape.channels])))
        }
        network = FloatNetwork(graph: graph, parameters: parameters)
        var tables: [[Float]] = []
        let channels = graph.inputs[0].shape.channels
        for channel in 0..<channels {
            guard file["pixel-table.\(channel)"] != nil else { break }
            tables.append(try file.floats("pixel-table.\(channel)", shape: [256]))
        }
        guard tables.isEmpty || tables.count == channels else {
            throw BlobError.pixelTables(found: tables.count, channels: channels)
        }
        encoding = InputEncoding(tables: tables)
    }
}

/// A blob that passed its digest and still makes no sense: made by another version.
package enum BlobError: Error, Hashable, Sendable, CustomStringConvertible {
    case noGraph
    /// With the decoder's or the graph's own reason.
    case graph(String)
    /// There has to be a table for every channel of the first input, or none at all.
    case pixelTables(found: Int, channels: Int)
    /// There has to be a scale and an offset for every channel of every node.
    case rescaledChannels(found: Int, channels: Int)
    case rescaling

    package var description: String {
        switch self {
        case .noGraph: "network blob has no graph"
        case .graph(let reason): "network blob's graph does not decode: \(reason)"
        case .pixelTables(let found, let channels):
            "network blob has \(found) pixel tables for \(channels) channels"
        case .rescaledChannels(let found, let channels):
            "rescaling blob has \(found) values for the graph's \(channels) channels"
        case .rescaling:
            "rescaling blob has values that are not finite, scales not above 0 or offsets below it"
        }
    }
}

/// A graph as deterministic JSON text.
enum GraphText {
    static func encode(_ graph: Graph) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(graph), as: UTF8.self)
    }

    static func decode(_ text: String?) throws -> Graph {
        guard let text else { throw BlobError.noGraph }
        let graph: Graph
        do {
            graph = try JSONDecoder().decode(Graph.self, from: Data(text.utf8))
        } catch {
            throw BlobError.graph("\(error)")
        }
        if let fault = graph.fault { throw BlobError.graph(fault) }
        return graph
    }
}
