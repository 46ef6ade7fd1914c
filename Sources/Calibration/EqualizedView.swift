import Execution
import NetworkGraph
import Quantization

/// A pass of the float network as given, seen as one of the equalized network.
struct EqualizedView {
    /// Nil shows the network as it is.
    let rescaling: ChannelRescaling?
    /// Of all nodes.
    let layout: ChannelLayout

    /// Hands a node's output to `body`, as the equalized network has it.
    func observe(
        _ values: UnsafePointer<Float>, node: Int, pixels: Int, workspace: Workspace,
        _ body: (UnsafePointer<Float>) -> Void
    ) {
        let channels = layout.range(node)
        guard let rescaling, channels.contains(where: rescaling.changes) else {
            return body(values)
        }
        let copy = workspace.take(byteCount: pixels * channels.count * MemoryLayout<Float>.stride)
        rescaling.scales[channels].withUnsafeBufferPointer { scales in
            rescaling.offsets[channels].withUnsafeBufferPointer { offsets in
                for pixel in 0..<pixels {
                    let source = values + pixel * channels.count
                    let target = copy.floats + pixel * channels.count
                    for channel in 0..<channels.count {
                        target[channel] = scales[channel] * source[channel] - offsets[channel]
                    }
                }
            }
        }
        body(UnsafePointer(copy.floats))
        workspace.give(copy)
    }
}
