// SPDX-License-Identifier: Apache-2.0

import Quantization

/// Where the bias of one convolution lies in a file, and what its int32 values mean there.
package struct BiasTensor: Hashable, Sendable {
    /// Where the values are, and how they are stored.
    package enum Place: Hashable, Sendable {
        /// The node has no bias.
        case absent
        /// int32 initializer behind DequantizeLinear.
        case int32(String)
        /// float32 initializer that the node reads itself.
        case float(String)
        /// An 8-bit constant that is added behind the layer's quantizer; it stays as it is.
        case fixed
    }

    /// Name of the Conv, Gemm or MatMul node.
    package var node: String
    /// Position among the file's nodes of the one that reads the bias: the same, or an Add behind
    /// it.
    package var position: Int
    /// Which of its operands the bias is.
    package var operand = 2
    /// Real value of one int32 step: one element, or one per output channel.
    package var steps: [Float]
    /// Which of the file's tensors has the values.
    package var place = Place.absent

    /// Name of the initializer; nil where there is none.
    package var name: String? {
        switch place {
        case .absent, .fixed: nil
        case .int32(let name), .float(let name): name
        }
    }

    /// Stored as float32.
    package var isFloat: Bool { if case .float = place { true } else { false } }

    private func step(_ channel: Int) -> Float { steps[steps.count > 1 ? channel : 0] }

    /// The int32 bias a runtime makes of a float one, which has one of the shapes.
    func integers(_ bias: QDQConstant, shapes: [[Int]]) throws -> [Int32] {
        let values = try bias.floats()
        guard shapes.contains(bias.axes) else {
            throw QDQError(
                .malformedGraph, tensor: bias.name,
                "a bias has the shape \(bias.axes), not \(shapes[0])")
        }
        return try values.enumerated().map { channel, value in
            guard let integer = Self.integer(value, step: step(channel)) else {
                throw QDQError(
                    .biasOverflow, tensor: bias.name,
                    "channel \(channel) of the bias of layer '\(node)', \(value), is no int32 in steps of \(step(channel))"
                )
            }
            return integer
        }
    }

    /// Float values that runtimes round to these integers; nil where one has none.
    package func floats(_ integers: [Int32]) -> [Float]? {
        let values = integers.enumerated().map { channel, integer -> Float? in
            let step = step(channel)
            let nearest = Float(Double(integer) * Double(step))
            for candidate in [nearest, nearest.nextUp, nearest.nextDown]
            where Self.integer(candidate, step: step) == integer {
                return candidate
            }
            return nil
        }
        return values.contains(nil) ? nil : values.compactMap { $0 }
    }

    private static func integer(_ value: Float, step: Float) -> Int32? {
        let rounded = (value / step).rounded(.toNearestOrEven)
        return Int32(exactly: rounded)
    }
}
