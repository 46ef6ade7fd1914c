// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization

/// A constant that went through DequantizeLinear: weights (8-bit) or a bias (int32).
struct QDQParameter {
    /// Scales and zero points.
    struct Steps: Hashable {
        /// One element, or one per extent of `axis`.
        var scales: [Float]
        var zeroPoints: [Int]
        /// Axis of the scales; nil where there is one for the tensor.
        var axis: Int?
        /// Of the 8-bit elements; nil for int32.
        var type: IntegerType?
    }

    var constant: QDQConstant
    var steps: Steps

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

extension QDQParameter.Steps {
    /// QuantizeLinear, elements row-major: `clamp(rint(value / scale) + zeroPoint)`.
    func quantized(_ constant: QDQConstant) throws -> [Int] {
        let type = type ?? .int8
        let values = try constant.floats()
        let inner = axis.map { constant.axes[($0 + 1)...].reduce(1, *) } ?? 1
        return try values.enumerated().map { index, value in
            guard value.isFinite else {
                throw QDQError(
                    .malformedGraph, tensor: constant.name, "element \(index) is \(value)")
            }
            let group = axis == nil ? 0 : index / inner % scales.count
            return TensorQuantization(
                scale: scales[group], zeroPoint: zeroPoints[group], type: type
            ).quantized(value)
        }
    }
}
