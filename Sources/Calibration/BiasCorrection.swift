// SPDX-License-Identifier: Apache-2.0

import Quantization

/// Settings of iterative bias correction.
package struct CorrectionOptions: Hashable, Sendable, Codable {
    /// Where means are compared: in front of the activation or behind it.
    package var match: Match
    /// Behind the activation, how many steps the correction stands for, at least 1. Each takes the
    /// shift that is left out of the bias; a channel that its clamp often cuts off follows its bias
    /// only in part, and more steps bring it closer.
    package var iterations: Int

    /// Memberwise; `iterations` is used behind the activation alone.
    package init(match: Match, iterations: Int = 3) {
        self.match = match
        self.iterations = iterations
    }
}

/// What bias correction did to one layer.
package struct LayerCorrection: Hashable, Sendable {
    /// Mean shift in front of the activation that rounding to int32 leaves in the closed form, per
    /// channel, in real units. Empty when means are matched behind the activation: there the
    /// measure round finds what is left.
    package var residual: [Double]
    /// Channels left as they were, since the corrected bias would overflow the accumulator.
    package var overflowing: [Int]

    /// Memberwise, unchecked.
    package init(residual: [Double], overflowing: [Int]) {
        self.residual = residual
        self.overflowing = overflowing
    }
}

/// The arithmetic of one layer's correction (arXiv 1906.03193, iterative bias correction).
///
/// In front of the activation the mean follows the bias, and one round of sums gives the bias in
/// closed form. Behind the activation it follows in part: by a slope between 0 and 1, the share of
/// the pixels that the clamp lets pass. Steps that take the shift s out of the bias again and again
/// leave `(1 - slope) s` after each, so that n of them change the bias by `s (1 + (1 - slope) + … +
/// (1 - slope)^(n-1))`. The slope is measured in the same round, so all n are taken at once. They
/// start from the closed form: a channel that is rarely active says little about itself behind the
/// clamp.
struct LayerCorrector {
    let parameters: QuantizedParameters
    let input: TensorQuantization
    /// Pixels times images behind every mean.
    let count: Double
    /// Float means before the clamp, per channel.
    let meansBefore: [Double]
    /// What is matched behind the activation; nil in front of it.
    let behind: Behind?
    /// Largest magnitude of a bias, per channel.
    let limits: [Int64]

    struct Behind {
        /// Of the 8-bit values whose means are matched.
        var quantization: TensorQuantization
        /// Float means after the clamp, per channel.
        var means: [Double]
        /// By how much the biases were raised to find the slopes.
        var raise: [Int32]
        var iterations: Int
    }

    private func step(_ channel: Int) -> Double {
        Double(
            BiasQuantization.scale(input: input.scale, weight: parameters.scale(channel: channel)))
    }

    /// Shift of the means in front of the activation.
    func shiftBefore(_ sums: LayerSums, biases: [Int32]) -> [Double] {
        biases.indices.map { channel in
            (Double(sums.accumulators[channel]) / count + Double(biases[channel])) * step(channel)
                - meansBefore[channel]
        }
    }

    /// What has to go from the biases, in real units, given what the network did with them.
    func excess(_ sums: LayerSums, biases: [Int32]) -> [Double] {
        let shifts = shiftBefore(sums, biases: biases)
        guard let behind else { return shifts }
        let scale = Double(behind.quantization.scale)
        let zero = Double(behind.quantization.unsignedZeroPoint)
        return shifts.indices.map { channel in
            let (output, raised) = (
                Double(sums.outputs[channel]) / count, Double(sums.raisedOutputs[channel]) / count
            )
            let raise = Double(behind.raise[channel]) * step(channel)
            let slope = min(max((raised - output) * scale / raise, 0), 1)
            let closed = shifts[channel]
            // What the closed form leaves behind the activation.
            let left = (output - zero) * scale - behind.means[channel] - slope * closed
            var (total, rest) = (closed, left)
            for _ in 0..<behind.iterations {
                total += rest
                rest *= 1 - slope
            }
            return total
        }
    }

    /// Biases without their excess, rounded to int32; a channel whose accumulator could overflow
    /// gets its bias of `initial` back.
    func corrected(
        _ biases: [Int32], excess: [Double], initial: [Int32]
    ) -> (biases: [Int32], overflowing: [Int]) {
        var corrected = initial
        var overflowing: [Int] = []
        for channel in biases.indices {
            let steps = (excess[channel] / step(channel)).rounded(.toNearestOrEven)
            let value = Double(biases[channel]) - steps
            if abs(value) <= Double(limits[channel]) {
                corrected[channel] = Int32(value)
            } else {
                overflowing.append(channel)
            }
        }
        return (corrected, overflowing)
    }
}
