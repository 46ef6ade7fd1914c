// SPDX-License-Identifier: Apache-2.0

/// What equalization makes of every channel behind a node: `equalized = scale * given - offset`.
///
/// With it, everything there is to know of the equalized float network can be had from a pass of
/// the network as given.
package struct ChannelRescaling: Hashable, Sendable {
    /// Positive; of all nodes' output channels, node after node.
    package var scales: [Float]
    /// Constants that the layers behind absorbed, scaled already; 0 elsewhere.
    package var offsets: [Float]

    /// Memberwise; both have one length.
    package init(scales: [Float], offsets: [Float]) {
        self.scales = scales
        self.offsets = offsets
    }

    /// Whether a channel, counted over all nodes, differs from the given network's.
    package func changes(_ channel: Int) -> Bool {
        scales[channel] != 1 || offsets[channel] != 0
    }
}
