// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Folding of Relu and Clip into the operation that produced their operand.
extension DraftGraph {
    /// Folds each clamp into the convolution, sum, product or clamp in front of it, if nothing else
    /// reads the unclamped value.
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
            guard uses[source] == 1, let producer = node(of: source) else { continue }
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
}
