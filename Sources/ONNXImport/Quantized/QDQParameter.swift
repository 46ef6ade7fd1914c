// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// A constant that went through DequantizeLinear: weights (8-bit) or a bias (int32).
package struct QDQParameter {
    /// Scales and zero points.
    package struct Steps: Hashable {
        /// One element, or one per extent of `axis`.
        package var scales: [Float]
        /// As many as scales.
        package var zeroPoints: [Int]
        /// Axis of the scales; nil where there is one for the tensor.
        package var axis: Int?
        /// Of the 8-bit elements; nil for int32.
        package var type: IntegerType?

        /// Scales are positive and finite, and as many as the extent of `axis` or one.
        package init(scales: [Float], zeroPoints: [Int], axis: Int?, type: IntegerType?) {
            self.scales = scales
            self.zeroPoints = zeroPoints
            self.axis = axis
            self.type = type
        }
    }

    var constant: QDQConstant
    var steps: Steps

    /// The steps fit the elements of `constant` in type and number.
    package init(constant: QDQConstant, steps: Steps) {
        self.constant = constant
        self.steps = steps
    }

    var scales: [Float] { steps.scales }
    var zeroPoints: [Int] { steps.zeroPoints }
    var axis: Int? { steps.axis }

    private func fail(_ code: QDQError.Code, _ detail: String) -> QDQError {
        QDQError(code, tensor: constant.name, detail)
    }

    /// The 8-bit elements.
    private func bytes() throws -> (values: [Int], type: IntegerType) {
        guard case .bytes(let values, let type) = constant.elements else {
            throw fail(.unsupportedType, "weights must be int8 or uint8")
        }
        return (values, type)
    }

    /// Weights of a convolution; the bias is left empty. The rank is 4 for Conv, 2 for Gemm and
    /// MatMul.
    func weights(rank: Int, taps: Int, outputAxis: Int = 0) throws -> QuantizedParameters {
        let (values, type) = try bytes()
        guard constant.axes.count == rank, !values.isEmpty else {
            throw fail(.malformedGraph, "weights have the shape \(constant.axes)")
        }
        if let axis, axis != outputAxis {
            throw fail(
                .inconsistentQuantization,
                "weights are quantized along axis \(axis), not along output channels (\(outputAxis))"
            )
        }
        let outputs = constant.axes[outputAxis]
        let inputs = values.count / outputs / taps
        let ordered =
            outputAxis == 0
            ? values : QDQWeights.transposed(values, rows: inputs * taps, columns: outputs)
        return QuantizedParameters(
            weights: QDQWeights.fromONNX(ordered, outputs: outputs, taps: taps, inputs: inputs),
            type: type, scales: scales, zeroPoints: zeroPoints, bias: [])
    }

    /// By how much a bias scale may differ from input scale * weight scale, relatively: some
    /// roundings of a product made in another order. Runtimes that fuse the operator (ONNX Runtime
    /// 1.32) take the product and never look at the scale.
    private static let scaleTolerance: Float = 8 * .ulpOfOne

    /// Checks that this is the int32 bias of a convolution.
    /// - Parameters:
    ///   - steps: input scale * weight scale, of the tensor or per output channel.
    ///   - shapes: that it may have; all have as many elements as there are output channels.
    /// - Returns: one element per output channel.
    /// - Throws: ``QDQError`` where it has another type, shape, zero point or scale.
    func bias(steps: [Float], shapes: [[Int]]) throws -> [Int32] {
        guard case .int32(let values) = constant.elements else {
            throw fail(.unsupportedType, "a bias must be int32")
        }
        guard shapes.contains(constant.axes) else {
            throw fail(.malformedGraph, "a bias has the shape \(constant.axes), not \(shapes[0])")
        }
        guard zeroPoints.allSatisfy({ $0 == 0 }) else {
            throw fail(.inconsistentQuantization, "a bias has a zero point")
        }
        let channels = scales.count == 1 && steps.count == 1 ? 1 : values.count
        for channel in 0..<channels {
            let given = scales[scales.count > 1 ? channel : 0]
            let expected = steps[steps.count > 1 ? channel : 0]
            guard abs(given - expected) <= Self.scaleTolerance * expected else {
                throw fail(
                    .inconsistentQuantization,
                    "channel \(channel) of the bias has the scale \(given) (\(scales.count) in all); input "
                        + "scale * weight scale gives \(expected) (\(steps.count) in all)")
            }
        }
        return values.map { Int32(truncatingIfNeeded: $0) }
    }
}
