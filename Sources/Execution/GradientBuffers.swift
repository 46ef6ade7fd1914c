// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

/// The gradients of one image that some earlier node still waits for.
final class GradientBuffers {
    let pass: BackwardPass
    let workspace: Workspace
    private var buffers: [AlignedBuffer?]

    init(pass: BackwardPass, workspace: Workspace) {
        self.pass = pass
        self.workspace = workspace
        buffers = [AlignedBuffer?](repeating: nil, count: pass.graph.valueCount)
    }

    func take(_ value: ValueID) -> AlignedBuffer {
        guard let buffer = buffers[value] else {
            preconditionFailure("value \(value) is unread")
        }
        buffers[value] = nil
        return buffer
    }

    func give(_ buffer: AlignedBuffer) { workspace.give(buffer) }

    /// Has `compute` write the gradient of a value, or one that is added to what is there.
    func contribute(
        to value: ValueID, _ compute: (UnsafeMutablePointer<Float>) -> Void
    ) {
        let count = pass.graph.shape(of: value).count
        let buffer = workspace.take(byteCount: count * MemoryLayout<Float>.stride)
        compute(buffer.floats)
        guard let present = buffers[value] else {
            buffers[value] = buffer
            return
        }
        add(buffer, to: present, count: count)
        workspace.give(buffer)
    }

    /// Gives every operand of an elementwise node its gradient, the last one by changing hands
    /// where nothing is there yet.
    func handOn(_ gradient: AlignedBuffer, to node: Node) {
        let last = node.lastActive(pass.isActive)
        for (operand, value) in node.inputs.enumerated() where pass.isActive[value] {
            if let present = buffers[value] {
                add(gradient, to: present, count: node.shape.count)
            } else if operand == last {
                buffers[value] = gradient
                return
            } else {
                contribute(to: value) { target in
                    target.update(from: gradient.floats, count: node.shape.count)
                }
            }
        }
        workspace.give(gradient)
    }

    private func add(_ buffer: AlignedBuffer, to present: AlignedBuffer, count: Int) {
        FloatKernels.add(
            present.floats, buffer.floats, count: count, clamp: .none, present.floats,
            isa: pass.isa)
    }
}
