// SPDX-License-Identifier: Apache-2.0

import PrintableText

/// Whether labels fit the float network's answers, with their offset or with one beside it.
package struct LabelFit: Sendable {
    private let offset: Int
    private let classes: Int
    private var images = 0
    /// Right answers with the offset less 1, as it is, and plus 1.
    private var hits = [0, 0, 0]

    /// Fewer tell nothing.
    private static let leastImages = 16

    /// - Parameters:
    ///   - offset: `labels.offset`.
    ///   - classes: logits of the network, at least 1.
    package init(offset: Int, classes: Int) {
        self.offset = offset
        self.classes = classes
    }

    /// - Parameters:
    ///   - answer: index of the largest logit.
    ///   - label: index of the right one, offset included.
    package mutating func add(answer: Int, label: Int) {
        images += 1
        if (-1...1).contains(answer - label) { hits[answer - label + 1] += 1 }
    }

    /// Standard deviations of guessing above its mean up to which answers count as guessed, and
    /// from which an offset fits.
    private static let (guessed, fitting) = (2.0, 4.0)

    private func guessing(_ deviations: Double) -> Double {
        let chance = 1 / Double(classes)
        let mean = Double(images) * chance
        return mean + deviations * (mean * (1 - chance)).squareRoot()
    }

    /// What to do about answers that are right no more often than guesses; nil where they are.
    package var warning: String? {
        let right = hits[1]
        guard images >= Self.leastImages, 2 * right < images,
            Double(right) <= guessing(Self.guessed)
        else { return nil }
        func percent(_ count: Int) -> String {
            (100 * Double(count) / Double(images)).formatted(decimals: 1) + " %"
        }
        let finding =
            "the float network is right on \(percent(right)) of the labelled images, no more than by guessing; "
        let best = hits[0] > hits[2] ? 0 : 2
        if Double(hits[best]) >= guessing(Self.fitting), hits[best] > right {
            return finding
                + "set labels.offset to \(offset + best - 1), with which it is right on \(percent(hits[best]))"
        }
        return finding
            + "offsets \(offset - 1) and \(offset + 1) fit no better: check preprocessing.mean, std and "
            + "channel_order, and that labels count classes in the model's order"
    }
}
