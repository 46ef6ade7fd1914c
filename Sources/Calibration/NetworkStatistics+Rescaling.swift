// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import Quantization

extension NetworkStatistics {
    /// Statistics of the equalized network, from those of the network as given.
    ///
    /// They are those of its own pass but for rounding: on the images behind the extrema no clamp
    /// cuts a scaled channel off at its upper bound, and none that had a constant absorbed at its
    /// lower one.
    package func rescaled(by rescaling: ChannelRescaling, _ graph: Graph) -> NetworkStatistics {
        let layout = ChannelLayout(graph)
        var result = self
        for (index, node) in graph.nodes.enumerated() {
            let count = Double(sumImages) * Double(node.shape.pixels)
            for channel in layout.range(index) where rescaling.changes(channel) {
                result.rescale(
                    channel, by: rescaling.scales[channel], offset: rescaling.offsets[channel],
                    count: count)
            }
        }
        return result
    }

    private mutating func rescale(
        _ channel: Int, by factor: Float, offset: Float, count: Double
    ) {
        // As passes of the network compute it, so that their values lie between these.
        lower[channel] = factor * lower[channel] - offset
        upper[channel] = factor * upper[channel] - offset
        let (scale, constant) = (Double(factor), Double(offset))
        sumsBefore[channel] *= scale
        sumsAfter[channel] *= scale
        squaresAfter[channel] *= scale * scale
        // Channels with infinities have nothing absorbed.
        guard constant != 0 else { return }
        squaresAfter[channel] = max(
            squaresAfter[channel] - constant * (2 * sumsAfter[channel] - constant * count), 0)
        sumsBefore[channel] -= constant * count
        sumsAfter[channel] -= constant * count
    }
}
