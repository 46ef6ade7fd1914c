// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// int32 biases and the accumulators they are added to.
package enum BiasQuantization {
    /// Largest magnitude a freshly quantized bias may have: leaves room for corrections and for the
    /// sum itself.
    static let headroom = Double(1 << 29)

    /// Scale of a bias, and of the accumulator it is added to: the float product the deployed
    /// runtime forms.
    package static func scale(input: Float, weight: Float) -> Float { input * weight }

    /// `round-half-even(value / scale)`, or nil when it leaves the range of int32.
    package static func quantize(_ value: Double, scale: Float) -> Int32? {
        let steps = (value / Double(scale)).rounded(.toNearestOrEven)
        guard steps.isFinite, abs(steps) <= Double(Int32.max) else { return nil }
        return Int32(steps)
    }

    /// Smallest weight scale with which `bias` stays within the headroom.
    static func leastWeightScale(bias: Float, inputScale: Float) -> Float {
        Float(Double(abs(bias)) / (Double(inputScale) * headroom)).nextUp
    }

    /// Largest magnitude a bias may have, per channel, so that no input makes its accumulator leave
    /// int32; negative where the weights alone can.
    ///
    /// `Int32.max - Σ|w - zeroPoint| * max(zx, 255 - zx)`.
    package static func limits(
        parameters: QuantizedParameters, inputZeroPoint: UInt8
    ) -> [Int64] {
        let reach = Int64(max(inputZeroPoint, 255 - inputZeroPoint))
        let channels = parameters.bias.count
        let taps = parameters.weights.count / channels
        return parameters.weights.withUnsafeBufferPointer { weights in
            (0..<channels).map { channel in
                let zero = Int16(parameters.zeroPoint(channel: channel))
                var sum: Int64 = 0
                // Differences of 8-bit values: nothing overflows, and unchecked arithmetic
                // vectorizes.
                for weight in UnsafeBufferPointer(
                    rebasing: weights[channel * taps..<(channel + 1) * taps])
                {
                    let difference = weight &- zero
                    sum &+= Int64(max(difference, 0 &- difference))
                }
                return Int64(Int32.max) - sum * reach
            }
        }
    }

    /// The first channel whose accumulator could leave int32 for some input, or nil if none can.
    package static func firstOverflow(
        parameters: QuantizedParameters, inputZeroPoint: UInt8
    ) -> Int? {
        let limits = limits(parameters: parameters, inputZeroPoint: inputZeroPoint)
        return limits.indices.first { Int64(parameters.bias[$0].magnitude) > limits[$0] }
    }
}

extension QuantizedNetwork {
    /// ``BiasQuantization/limits(parameters:inputZeroPoint:)`` of every convolution.
    package var biasLimits: [[Int64]] {
        let nodes = graph.convolutions
        return concurrentMap(nodes.count) { layer in
            let node = graph.nodes[nodes[layer]]
            guard let parameters = parameters[nodes[layer]],
                let input = activations[node.inputs[0]]
            else { return [] }
            return BiasQuantization.limits(
                parameters: parameters, inputZeroPoint: input.unsignedZeroPoint)
        }
    }

    /// Checks what steps of biases are made of.
    /// - Throws: ``QuantizationError`` naming the first channel whose bias has the scale 0 or an
    ///   infinite one.
    package func checkBiasScales() throws(QuantizationError) {
        for node in graph.convolutions {
            guard let parameters = parameters[node],
                let input = activations[graph.nodes[node].inputs[0]]
            else { continue }
            for channel in parameters.bias.indices {
                let scale = BiasQuantization.scale(
                    input: input.scale, weight: parameters.scale(channel: channel))
                guard scale > 0, scale.isFinite else {
                    throw QuantizationError(
                        .biasScale(channel: channel, scale: scale), layer: graph.nodes[node].name)
                }
            }
        }
    }

    /// Layers and channels whose bias is so large that some input makes the accumulator wrap.
    package var largeBiases: [(layer: String, channels: [Int])] {
        zip(graph.convolutions, biasLimits).compactMap { node, limits in
            let biases = parameters[node]?.bias ?? []
            let channels = biases.indices.filter { Int64(biases[$0].magnitude) > limits[$0] }
            return channels.isEmpty ? nil : (graph.nodes[node].name, channels)
        }
    }
}
