// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// Between int32 biases and the real-valued master biases the optimizer steps on: one flat list
/// over the channels of all layers, in units of ``TuningLayer/unit``.
///
/// Small steps add up in the masters; the network sees them rounded.
package struct MasterBiases: Hashable, Sendable {
    /// One per convolution, in topological order.
    package let layers: [TuningLayer]
    /// Channels in all.
    package let count: Int

    /// Every layer has to have as many steps as limits, and its steps and unit have to be finite
    /// and above 0.
    package init(layers: [TuningLayer]) {
        for layer in layers {
            precondition(layer.steps.count == layer.limits.count)
            precondition(layer.unit > 0 && layer.unit.isFinite)
            precondition(layer.steps.allSatisfy { $0 > 0 && $0.isFinite })
        }
        self.layers = layers
        count = layers.reduce(0) { $0 + $1.steps.count }
    }

    /// Whether there is one bias per layer and channel.
    package func fits(_ biases: BiasState) -> Bool {
        biases.layers.map(\.count) == layers.map(\.steps.count)
    }

    /// Masters that round to `biases`.
    package func values(of biases: BiasState) -> [Double] {
        var values: [Double] = []
        values.reserveCapacity(count)
        for (layer, biases) in zip(layers, biases.layers) {
            for (step, bias) in zip(layer.steps, biases) {
                values.append(Double(bias) * step / layer.unit)
            }
        }
        return values
    }

    /// Derivatives by the masters, from sums of derivatives by the real biases over `images`
    /// images.
    package func gradients(_ sums: [Double], images: Int) -> [Double] {
        var gradients: [Double] = []
        gradients.reserveCapacity(count)
        for layer in layers {
            for _ in layer.steps.indices {
                gradients.append(sums[gradients.count] / Double(images) * layer.unit)
            }
        }
        return gradients
    }

    /// Takes over new masters and rounds them, half to even. A channel that would leave its limit
    /// keeps both its values.
    /// - Returns: flat indices of the channels kept for that reason.
    package func update(
        to proposed: [Double], masters: inout [Double], biases: inout BiasState
    ) -> [Int] {
        var kept: [Int] = []
        var index = 0
        for (number, layer) in layers.enumerated() {
            for (channel, step) in layer.steps.enumerated() {
                let value = Self.rounded(proposed[index], unit: layer.unit, step: step)
                let limit = min(layer.limits[channel], Int64(Int32.max))
                if abs(value) <= Double(limit) {
                    masters[index] = proposed[index]
                    biases.layers[number][channel] = Int32(value)
                } else {
                    kept.append(index)
                }
                index += 1
            }
        }
        return kept
    }

    /// Whether every master rounds to its bias.
    package func agree(_ masters: [Double], with biases: BiasState) -> Bool {
        guard masters.count == count, fits(biases) else { return false }
        var index = 0
        for (layer, biases) in zip(layers, biases.layers) {
            for (step, bias) in zip(layer.steps, biases) {
                let value = Self.rounded(masters[index], unit: layer.unit, step: step)
                guard value == Double(bias) else { return false }
                index += 1
            }
        }
        return true
    }

    /// Layer and channel of a flat index.
    package func place(_ index: Int) -> (layer: Int, channel: Int) {
        var channel = index
        for (number, layer) in layers.enumerated() {
            if channel < layer.steps.count { return (number, channel) }
            channel -= layer.steps.count
        }
        preconditionFailure("no such channel")
    }

    private static func rounded(_ master: Double, unit: Double, step: Double) -> Double {
        (master * unit / step).rounded(.toNearestOrEven)
    }
}
