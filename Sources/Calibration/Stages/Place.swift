// SPDX-License-Identifier: Apache-2.0

/// Where a job stands: the stage whose turn it is.
package enum Place: Hashable, Sendable {
    case statistics
    /// Histograms, where extrema alone do not give the ranges.
    case ranging
    /// Held-out images judge what was reached.
    case guarding(HeldOutCheck.Step)
    /// The round of one convolution.
    case correcting(layer: Int)
    /// Rounds of fine-tuning.
    case tuning
    case measuring
    case finished

    /// The stage, in a word.
    package var name: String {
        switch self {
        case .statistics: "statistics"
        case .ranging: "ranging"
        case .guarding: "guarding"
        case .correcting: "correcting"
        case .tuning: "tuning"
        case .measuring: "measuring"
        case .finished: "finished"
        }
    }

    /// The convolution in work, from 0; nil where there is none.
    package var layer: Int? {
        switch self {
        case .correcting(let layer), .guarding(.layer(let layer)): layer
        case .statistics, .ranging, .guarding, .tuning, .measuring, .finished: nil
        }
    }

    /// As a checkpoint names it: the stage, and what it has in work.
    package var text: String {
        switch self {
        case .guarding(.teacher): "\(name) teacher"
        case .guarding(.start): "\(name) start"
        case .guarding(.tuning): "\(name) tuning"
        case .guarding(.layer(let layer)), .correcting(let layer): "\(name) \(layer)"
        case .statistics, .ranging, .tuning, .measuring, .finished: name
        }
    }

    /// Nil if the text names no place.
    package init?(text: String) {
        let plain: [Place] = [
            .statistics, .ranging, .guarding(.teacher), .guarding(.start), .guarding(.tuning),
            .tuning, .measuring, .finished,
        ]
        if let place = plain.first(where: { $0.text == text }) {
            self = place
            return
        }
        let words = text.split(separator: " ")
        guard words.count == 2, let layer = Int(words[1]), layer >= 0 else { return nil }
        switch words[0] {
        case "correcting": self = .correcting(layer: layer)
        case "guarding": self = .guarding(.layer(layer))
        default: return nil
        }
    }
}
