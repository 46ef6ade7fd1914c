// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// `log softmax(x / T)` in Double, elements in order.
///
/// NaN or infinity in a logit makes all results NaN, except that `-infinity` beside finite logits
/// is a probability of 0.
struct LogSoftmax {
    let logarithms: [Double]

    init(_ logits: [Float], temperature: Double = 1) {
        let scaled = logits.map { Double($0) / temperature }
        let largest = scaled.max() ?? 0
        var sum = 0.0
        for x in scaled { sum += Transcendental.exp(x - largest) }
        // The difference first: it is exact where it matters, for logits near the largest.
        let normalizer = Transcendental.log(sum)
        logarithms = scaled.map { ($0 - largest) - normalizer }
    }

    func probability(_ index: Int) -> Double { Transcendental.exp(logarithms[index]) }
}
