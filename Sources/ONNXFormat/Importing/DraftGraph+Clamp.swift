// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Folding of Relu and Clip into the operation that produced their operand.
extension DraftGraph {
    /// Folds each clamp into the convolution, sum, product or clamp in front of it, if nothing else
    /// reads the unclamped value.
    mutating func foldClamps() {
        for index in nodes.indices {
            guard case .clamp = nodes[index].kind, let source = nodes[index].inputs.first else {
                continue
            }
            if nodes[index].clamp == .none {
                bypass(index + 1, to: source)
                continue
            }
            guard source > 0, uses[source] == 1 else { continue }
            switch nodes[source - 1].kind {
            case .convolution, .add, .multiply, .clamp, .affine:
                nodes[source - 1].clamp = nodes[source - 1].clamp.followed(
                    by: nodes[index].clamp)
                bypass(index + 1, to: source)
            default: continue
            }
        }
        removeUnused()
    }
}
