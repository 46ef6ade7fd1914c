import Quantization

/// Settings of iterative bias correction.
package struct CorrectionOptions: Hashable, Sendable, Codable {
    package var match: Match
    /// Most changes of a layer's biases behind the activation, after the closed form; at least 1.
    package var iterations: Int
    /// Iterations end when no channel's residual shift exceeds this share of the layer's output step.
    package var tolerance: Double

    package init(match: Match, iterations: Int = 3, tolerance: Double = 0.01) {
        self.match = match
        self.iterations = iterations
        self.tolerance = tolerance
    }
}

/// What bias correction did to one layer.
package struct LayerCorrection: Hashable, Sendable {
    /// Rounds spent on the layer.
    package var rounds: Int
    /// Mean shift in front of the activation that rounding to int32 leaves in the closed form, per channel, in real units. Empty when
    /// means are matched behind the activation: there the measure round finds what is left.
    package var residual: [Double]
    /// Channels left as they were, since the corrected bias would overflow the accumulator.
    package var overflowing: [Int]

    package init(rounds: Int, residual: [Double], overflowing: [Int]) {
        self.rounds = rounds
        self.residual = residual
        self.overflowing = overflowing
    }
}

/// The arithmetic of one layer's correction (arXiv 1906.03193, iterative bias correction).
struct LayerCorrector {
    let parameters: QuantizedParameters
    let input: TensorQuantization
    /// Nil for a float output.
    let output: TensorQuantization?
    /// Pixels times images behind every mean.
    let count: Double
    /// Float means before or after the clamp, per channel.
    let floatMeans: [Double]
    /// Largest magnitude of a bias, per channel.
    let limits: [Int64]

    private func step(_ channel: Int) -> Double {
        Double(
            BiasQuantization.scale(input: input.scale, weight: parameters.scale(channel: channel)))
    }

    /// Shift of the means in front of the activation, from accumulator sums without bias.
    func shiftBefore(sums: [Int64], biases: [Int32]) -> [Double] {
        sums.indices.map { channel in
            (Double(sums[channel]) / count + Double(biases[channel])) * step(channel)
                - floatMeans[channel]
        }
    }

    /// Shift of the means behind the quantizer, from sums of 8-bit outputs.
    func shiftAfter(sums: [Int64]) -> [Double] {
        guard let output else { preconditionFailure("a float output has no 8-bit sums") }
        let zero = Double(output.unsignedZeroPoint)
        return sums.indices.map { channel in
            (Double(sums[channel]) / count - zero) * Double(output.scale) - floatMeans[channel]
        }
    }

    /// Biases that take `shift` out, rounded to int32; a channel whose accumulator could overflow keeps its bias.
    func corrected(_ biases: [Int32], shift: [Double]) -> (biases: [Int32], overflowing: [Int]) {
        var corrected = biases
        var overflowing: [Int] = []
        for channel in biases.indices {
            let steps = (shift[channel] / step(channel)).rounded(.toNearestOrEven)
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
