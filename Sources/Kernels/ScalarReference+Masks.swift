// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

// Where gradients pass; one Bool per element, in the elements' order. See `GradientMask`.
extension ScalarReference {
    /// Of a convolution's output; `requantization` nil where it stays float.
    package static func passes(
        _ accumulators: [Int32], bias: [Int32], requantization: Requantization?, scales: [Float],
        clamp: Clamp
    ) -> [Bool] {
        accumulators.enumerated().map { index, accumulator in
            let channel = index % bias.count
            let sum = Float(accumulator &+ bias[channel])
            let isStored =
                requantization.map {
                    isRepresentable(sum * $0.multipliers[channel], zeroPoint: $0.zeroPoint)
                } ?? true
            return isStored && isInside(sum * scales[channel], clamp)
        }
    }

    /// Of a sum: whether each element's gradient passes its clamp and quantizer.
    package static func addPasses(
        _ a: [UInt8], _ quantizationA: ByteQuantization, _ b: [UInt8],
        _ quantizationB: ByteQuantization, result: ByteQuantization, clamp: Clamp
    ) -> [Bool] {
        let ratioA = quantizationA.scale / result.scale
        let ratioB = quantizationB.scale / result.scale
        var offset = ratioB * Float(quantizationB.zeroPoint)
        offset.addProduct(ratioA, Float(quantizationA.zeroPoint))
        let real = zip(
            dequantize(a, scale: quantizationA.scale, zeroPoint: quantizationA.zeroPoint),
            dequantize(b, scale: quantizationB.scale, zeroPoint: quantizationB.zeroPoint))
        return zip(zip(a, b), real).map { stored, real in
            var value = Float(result.zeroPoint) - offset
            value.addProduct(Float(stored.1), ratioB)
            value.addProduct(Float(stored.0), ratioA)
            return isRepresentable(value, zeroPoint: 0) && isInside(real.0 + real.1, clamp)
        }
    }

    /// Of an average pool's output; of one pixel where the window is the whole input.
    package static func averagePoolPasses(
        _ input: [UInt8], _ quantization: ByteQuantization, shape: TensorShape, window: Window,
        countIncludePad: Bool, result: ByteQuantization, clamp: Clamp
    ) -> [Bool] {
        if window.isWhole(shape) {
            return globalAveragePoolPasses(
                input, quantization, shape: shape, result: result, clamp: clamp)
        }
        let real = dequantize(
            input, scale: quantization.scale, zeroPoint: quantization.zeroPoint)
        return averagePool(real, shape: shape, window: window, countIncludePad: countIncludePad)
            .map {
                isRepresentable($0 / result.scale + Float(result.zeroPoint), zeroPoint: 0)
                    && isInside($0, clamp)
            }
    }

    /// Of a global average's output, one per channel.
    package static func globalAveragePoolPasses(
        _ input: [UInt8], _ quantization: ByteQuantization, shape: TensorShape,
        result: ByteQuantization, clamp: Clamp
    ) -> [Bool] {
        let pixels = Float(shape.pixels)
        return (0..<shape.channels).map { channel in
            var sum = 0
            for pixel in 0..<shape.pixels {
                sum += Int(input[pixel * shape.channels + channel]) - Int(quantization.zeroPoint)
            }
            let steps = Float(sum) * (quantization.scale / (result.scale * pixels))
            return isRepresentable(steps, zeroPoint: result.zeroPoint)
                && isInside(Float(sum) * (quantization.scale / pixels), clamp)
        }
    }

    /// Of one input of a concatenation or standalone clamp.
    package static func rescalingPasses(
        _ input: [UInt8], _ quantization: ByteQuantization, result: ByteQuantization, clamp: Clamp
    ) -> [Bool] {
        dequantize(input, scale: quantization.scale, zeroPoint: quantization.zeroPoint).map {
            isRepresentable($0 / result.scale, zeroPoint: result.zeroPoint) && isInside($0, clamp)
        }
    }

    /// Bits as the kernels keep them.
    package static func packed(_ passes: [Bool], channels: Int) -> [UInt8] {
        stride(from: 0, to: passes.count, by: channels).flatMap { pixel in
            stride(from: 0, to: channels, by: 8).map { first in
                (first..<min(first + 8, channels)).reduce(UInt8(0)) {
                    $0 | (passes[pixel + $1] ? 1 << UInt8($1 - first) : 0)
                }
            }
        }
    }

    /// Whether a value in steps rounds into the 256 stored ones.
    static func isRepresentable(_ value: Float, zeroPoint: UInt8) -> Bool {
        0...255 ~= Double(value.rounded(.toNearestOrEven)) + Double(zeroPoint)
    }

    static func isInside(_ value: Float, _ clamp: Clamp) -> Bool {
        if let lower = clamp.lower, value <= lower { return false }
        if let upper = clamp.upper, value >= upper { return false }
        return true
    }
}
