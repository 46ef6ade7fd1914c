// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Folding of Relu and Clip into the operation that produced their operand.
extension DraftGraph {
    /// Folds each clamp into the convolution, sum, product or clamp in front of it, or in front of
    /// what only moves its elements, if nothing else reads the unclamped value.
    mutating func foldClamps() {
        for index in nodes.indices {
            guard case .operation(.clamp) = nodes[index].kind,
                let source = nodes[index].inputs.first
            else {
                continue
            }
            if nodes[index].clamp == .none {
                bypass(index, to: source)
                continue
            }
            guard let producer = producer(of: source, uses) else { continue }
            switch nodes[producer].kind {
            case .convolution, .affine, .operation(.add), .operation(.multiply), .operation(.clamp):
                nodes[producer].clamp = nodes[producer].clamp.followed(
                    by: nodes[index].clamp)
                bypass(index, to: source)
            default: continue
            }
        }
        removeUnused()
    }

    /// The node that computes a value, in front of those that only choose among its elements; nil
    /// where anything else reads one of these values.
    private func producer(of value: ValueID, _ uses: [Int]) -> Int? {
        guard uses[value] == 1, let node = node(of: value) else { return nil }
        switch nodes[node].kind {
        case .operation(.rearrange), .operation(.take), .operation(.resize):
            return producer(of: nodes[node].inputs[0], uses)
        default: return node
        }
    }
}
