// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// 8-bit storage type of a tensor.
package enum IntegerType: String, Hashable, Sendable, Codable, CaseIterable {
    case uint8, int8

    /// What is added to a stored value to make it unsigned.
    package var offset: Int { self == .int8 ? 128 : 0 }
    /// Smallest value of the type.
    package var minimum: Int { -offset }
    /// Largest value of the type.
    package var maximum: Int { 255 - offset }
}

/// `real = scale * (quantized - zeroPoint)`, one pair per tensor (ONNX QuantizeLinear).
package struct TensorQuantization: Hashable, Sendable, Codable {
    /// Positive and normal.
    package var scale: Float
    /// In the range of `type`.
    package var zeroPoint: Int
    /// Stored type; the executor adds its offset and computes with uint8.
    package var type: IntegerType

    /// Memberwise; ranges are checked where files are read.
    package init(scale: Float, zeroPoint: Int, type: IntegerType) {
        self.scale = scale
        self.zeroPoint = zeroPoint
        self.type = type
    }

    /// Zero point as the executor stores activations, always uint8: in `[0, 255]`.
    package var unsignedZeroPoint: UInt8 { UInt8(zeroPoint + type.offset) }
}

/// Quantized weights and bias of one convolution.
package struct QuantizedParameters: Hashable, Sendable {
    /// `[outputChannels, kernelHeight, kernelWidth, inputChannels / groups]`, each in the range of
    /// `type`.
    package var weights: [Int16]
    /// Stored type of the weights.
    package var type: IntegerType
    /// One element (per tensor) or one per output channel.
    package var scales: [Float]
    /// As many as scales, each in the range of `type`.
    package var zeroPoints: [Int]
    /// Scale `input scale * weight scale`, zero point 0; one per output channel.
    package var bias: [Int32]

    /// Memberwise; nothing is checked.
    package init(
        weights: [Int16], type: IntegerType, scales: [Float], zeroPoints: [Int], bias: [Int32]
    ) {
        self.weights = weights
        self.type = type
        self.scales = scales
        self.zeroPoints = zeroPoints
        self.bias = bias
    }

    /// Whether every output channel has its own scale; one channel's counts as per tensor.
    package var isPerChannel: Bool { scales.count > 1 }
    /// Scale of an output channel's weights.
    package func scale(channel: Int) -> Float { scales[scales.count > 1 ? channel : 0] }
    /// Zero point of an output channel's weights, in the range of `type`.
    package func zeroPoint(channel: Int) -> Int { zeroPoints[zeroPoints.count > 1 ? channel : 0] }
}

/// The deployed integer network: what the exported QDQ file says, and what IBC and BFT run.
package struct QuantizedNetwork: Hashable, Sendable {
    /// That of the float network: indices of nodes and values are the same in both.
    package var graph: Graph
    /// One entry per node; nil where the node is not a convolution.
    package var parameters: [QuantizedParameters?]
    /// One entry per value. Nil for an output that stays float, and for a layer's result that
    /// only means over all pixels read. A max-pool shares its input's entry.
    package var activations: [TensorQuantization?]

    /// One parameter entry per node, one activation entry per value; ``validate(acceptsBiases:)``
    /// checks the rest.
    package init(
        graph: Graph, parameters: [QuantizedParameters?], activations: [TensorQuantization?]
    ) {
        precondition(parameters.count == graph.nodes.count)
        precondition(activations.count == graph.valueCount)
        self.graph = graph
        self.parameters = parameters
        self.activations = activations
    }

    /// The quantization of a node's result; nil where it stays float.
    package func activation(ofNode node: Int) -> TensorQuantization? {
        activations[graph.value(of: node)]
    }
}
