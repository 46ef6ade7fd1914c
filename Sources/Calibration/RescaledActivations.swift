// SPDX-License-Identifier: Apache-2.0

import Execution
import NetworkGraph
import Quantization

/// A pass of the float network as given, seen as one of the equalized network.
struct RescaledActivations {
    /// Nil shows the network as it is.
    let rescaling: ChannelRescaling?
    /// Of all nodes.
    let layout: ChannelLayout

    /// Values that the caches of one core hold.
    private static let cachedCount = 1 << 16

    /// Hands a node's output to `body`, as the equalized network has it: some pixels at a time, in
    /// order.
    func observe(
        _ values: UnsafePointer<Float>, node: Int, pixels: Int, workspace: Workspace,
        _ body: (_ values: UnsafePointer<Float>, _ pixels: Range<Int>) -> Void
    ) {
        let channels = layout.range(node)
        let part = max(Self.cachedCount / max(channels.count, 1), 1)
        let changes = rescaling.map { channels.contains(where: $0.changes) } ?? false
        for first in stride(from: 0, to: pixels, by: part) {
            let range = first..<min(first + part, pixels)
            let values = values + first * channels.count
            if changes, let rescaling {
                let copy = workspace.take(
                    byteCount: range.count * channels.count * MemoryLayout<Float>.stride)
                Self.rescale(values, copy.floats, pixels: range.count, rescaling, channels)
                body(UnsafePointer(copy.floats), range)
                workspace.give(copy)
            } else {
                body(values, range)
            }
        }
    }

    private static func rescale(
        _ values: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, pixels: Int,
        _ rescaling: ChannelRescaling, _ channels: Range<Int>
    ) {
        rescaling.scales[channels].withUnsafeBufferPointer { scales in
            rescaling.offsets[channels].withUnsafeBufferPointer { offsets in
                for pixel in 0..<pixels {
                    let source = values + pixel * channels.count
                    let target = result + pixel * channels.count
                    for channel in 0..<channels.count {
                        target[channel] = scales[channel] * source[channel] - offsets[channel]
                    }
                }
            }
        }
    }
}
