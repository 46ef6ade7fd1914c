// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import Quantization
import Storage

extension ChannelRescaling {
    /// A safetensors file; the same value always gives the same bytes.
    package func encoded() throws -> [UInt8] {
        var file = SafetensorsFile()
        try file.add("scales", scales)
        try file.add("offsets", offsets)
        return file.encoded()
    }

    /// - Throws: ``BlobError`` when it does not fit the graph, or the safetensors decoder's error
    ///   when the bytes are no such blob.
    package init(decoding bytes: [UInt8], for graph: Graph) throws {
        let file = try SafetensorsFile(decoding: bytes)
        self.init(scales: try file.floats("scales"), offsets: try file.floats("offsets"))
        let channels = graph.nodes.reduce(0) { $0 + $1.shape.channels }
        for found in [scales.count, offsets.count] where found != channels {
            throw BlobError.rescaledChannels(found: found, channels: channels)
        }
        guard scales.allSatisfy({ $0.isFinite && $0 > 0 }),
            offsets.allSatisfy({ $0.isFinite && $0 >= 0 })
        else { throw BlobError.rescaling }
    }
}
