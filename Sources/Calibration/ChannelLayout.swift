// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Where each node's channels lie in one flat array over a network.
struct ChannelLayout: Hashable, Sendable {
    /// First channel of each node.
    let offsets: [Int]
    let channels: [Int]
    let total: Int

    /// - Parameters:
    ///   - graph: whose nodes are laid out.
    ///   - convolutionsOnly: gives all other nodes no room.
    init(_ graph: Graph, convolutionsOnly: Bool = false) {
        var offsets: [Int] = []
        var channels: [Int] = []
        var total = 0
        for node in graph.nodes {
            let count = convolutionsOnly && node.convolution == nil ? 0 : node.shape.channels
            offsets.append(total)
            channels.append(count)
            total += count
        }
        self.offsets = offsets
        self.channels = channels
        self.total = total
    }

    func range(_ node: Int) -> Range<Int> { offsets[node]..<offsets[node] + channels[node] }
}
