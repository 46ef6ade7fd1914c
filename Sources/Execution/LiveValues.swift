// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// The activations of one image that some later node still reads.
struct LiveValues {
    private var buffers: [AlignedBuffer?]

    init(count: Int) {
        buffers = [AlignedBuffer?](repeating: nil, count: count)
    }

    subscript(value: ValueID) -> AlignedBuffer {
        get {
            guard let buffer = buffers[value] else {
                preconditionFailure("value \(value) is not live")
            }
            return buffer
        }
        set { buffers[value] = newValue }
    }

    /// Gives back the inputs of `node` that no later node reads.
    mutating func release(after node: Int, graph: Graph, lastUses: [Int], to workspace: Workspace) {
        for value in graph.nodes[node].inputs where lastUses[value] == node {
            release(value, to: workspace)
        }
        // A node without readers that is no output.
        let result = graph.value(of: node)
        if lastUses[result] < 0 { release(result, to: workspace) }
    }

    mutating func release(_ value: ValueID, to workspace: Workspace) {
        if let buffer = buffers[value] { workspace.give(buffer) }
        buffers[value] = nil
    }

    /// Makes the buffer of a value that nobody reads any more that of another.
    mutating func handOn(_ value: ValueID, to result: ValueID) {
        buffers[result] = buffers[value]
        buffers[value] = nil
    }

    mutating func releaseAll(to workspace: Workspace) {
        for value in buffers.indices { release(value, to: workspace) }
    }
}
