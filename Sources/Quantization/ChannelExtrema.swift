// SPDX-License-Identifier: Apache-2.0

/// Smallest and largest value of every channel of every node after its clamp, over the calibration
/// images.
package struct ChannelExtrema: Hashable, Sendable {
    /// One array per node, one element per channel.
    package var lower: [[Float]]
    /// As `lower`; not below it.
    package var upper: [[Float]]

    /// Memberwise; both have one shape.
    package init(lower: [[Float]], upper: [[Float]]) {
        self.lower = lower
        self.upper = upper
    }

    /// Ranges of the outputs of all nodes.
    package var ranges: [ActivationRange] { lower.indices.map(range) }

    /// Range of a whole node's output.
    package func range(node: Int) -> ActivationRange {
        ActivationRange(
            lower: lower[node].reduce(.infinity) { $1.isNaN ? $1 : min($0, $1) },
            upper: upper[node].reduce(-.infinity) { $1.isNaN ? $1 : max($0, $1) })
    }
}
