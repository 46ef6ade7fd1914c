// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// Folding of per-channel scale and shift (BatchNormalization, Mul, Add, Sub, Div by constants).
extension DraftGraph {
    /// Folds each affine node into the affine node or convolution in front of it, else into the
    /// convolution behind it.
    mutating func foldAffine() {
        for index in nodes.indices { foldAffineForward(index) }
        removeUnused()
        for index in nodes.indices.reversed() { foldAffineBackward(index) }
        removeUnused()
    }

    private mutating func foldAffineForward(_ index: Int) {
        guard case .affine(let scale, let shift, let hasShift) = nodes[index].kind,
            let source = nodes[index].inputs.first, uses[source] == 1,
            let producer = node(of: source)
        else { return }
        switch nodes[producer].kind {
        case .convolution(var draft):
            let old = draft.outputScale
            draft.outputScale = scale.indices.map { (old?[$0] ?? 1) * scale[$0] }
            draft.bias = scale.indices.map { draft.bias[$0] * scale[$0] + shift[$0] }
            draft.convolution.hadBias = draft.convolution.hadBias || hasShift
            nodes[producer].kind = .convolution(draft)
        case .affine(let first, let offset, let hadShift):
            nodes[producer].kind = .affine(
                scale: scale.indices.map { first[$0] * scale[$0] },
                shift: scale.indices.map { offset[$0] * scale[$0] + shift[$0] },
                hasShift: hadShift || hasShift)
        default: return
        }
        bypass(index, to: source)
    }

    /// Exact only where the convolution reads no padding: a padded zero stays zero, while a shift
    /// would have moved it. A mere scale is folded always.
    private mutating func foldAffineBackward(_ index: Int) {
        let value = value(of: index)
        guard case .affine(let scale, let shift, _) = nodes[index].kind, uses[value] == 1,
            let source = nodes[index].inputs.first,
            let reader = nodes.indices.first(where: { nodes[$0].inputs == [value] }),
            case .convolution(var draft) = nodes[reader].kind,
            !draft.convolution.window.isPadded || shift.allSatisfy({ $0 == 0 })
        else { return }
        draft.absorb(inputScale: scale, inputShift: shift)
        if shift.contains(where: { $0 != 0 }) { draft.convolution.hadBias = true }
        nodes[reader].kind = .convolution(draft)
        bypass(index, to: source)
    }
}

extension DraftConvolution {
    /// Makes the convolution take `x` where it took `scale * x + shift`.
    fileprivate mutating func absorb(inputScale scale: [Double], inputShift shift: [Double]) {
        let outputs = bias.count
        let outputsPerGroup = outputs / convolution.groups
        let channels = scale.count / convolution.groups
        let taps = convolution.window.kernelHeight * convolution.window.kernelWidth
        for output in 0..<outputs {
            let firstChannel = output / outputsPerGroup * channels
            var sum = 0.0
            for tap in 0..<taps {
                for channel in 0..<channels {
                    let weight = Double(weights[(output * taps + tap) * channels + channel])
                    let input = firstChannel + channel
                    sum += weight * (inputScale?[input] ?? 1) * shift[input]
                }
            }
            bias[output] += sum * (outputScale?[output] ?? 1)
        }
        inputScale = scale.indices.map { (inputScale?[$0] ?? 1) * scale[$0] }
    }
}

extension Window {
    /// Whether any pad is above zero.
    var isPadded: Bool { padTop > 0 || padLeft > 0 || padBottom > 0 || padRight > 0 }
}
