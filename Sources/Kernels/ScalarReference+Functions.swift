// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

// Products, activation functions and local response normalization, with their gradients.
extension ScalarReference {
    /// Elementwise (ONNX Mul), clamped; `b` may be one pixel that serves all.
    package static func multiply(
        _ a: [Float], _ b: [Float], clamp: Clamp
    ) -> [Float] {
        a.indices.map { clamp.applied(to: a[$0] * b[$0 % b.count]) }
    }

    /// The function of every element, which ``ActivationFunction`` defines.
    package static func activation(_ function: ActivationFunction, _ input: [Float]) -> [Float] {
        input.map { function.value(at: $0) }
    }

    /// One factor may be a pixel that serves all: `b` then has an element per channel.
    package static func multiply(
        _ a: [UInt8], _ quantizationA: ByteQuantization, _ b: [UInt8],
        _ quantizationB: ByteQuantization, result: ByteQuantization
    ) -> [UInt8] {
        steps(a, quantizationA, b, quantizationB, result: result).map {
            byte($0, zeroPoint: 0, lower: result.lower, upper: result.upper)
        }
    }

    /// Whether each element's gradient passes the product's clamp and quantizer.
    package static func multiplyPasses(
        _ a: [UInt8], _ quantizationA: ByteQuantization, _ b: [UInt8],
        _ quantizationB: ByteQuantization, result: ByteQuantization, clamp: Clamp
    ) -> [Bool] {
        let products = products(a, quantizationA, b, quantizationB)
        let step = quantizationA.scale * quantizationB.scale
        return zip(steps(a, quantizationA, b, quantizationB, result: result), products).map {
            isRepresentable($0, zeroPoint: 0) && isInside($1 * step, clamp)
        }
    }

    /// Whether a float value's gradient passes its quantizer.
    package static func quantizePasses(
        _ input: [Float], result: ByteQuantization, clamp: Clamp
    ) -> [Bool] {
        input.map {
            isRepresentable($0 / result.scale, zeroPoint: result.zeroPoint) && isInside($0, clamp)
        }
    }

    private static func products(
        _ a: [UInt8], _ quantizationA: ByteQuantization, _ b: [UInt8],
        _ quantizationB: ByteQuantization
    ) -> [Float] {
        a.indices.map {
            let left = Int(a[$0]) - Int(quantizationA.zeroPoint)
            let right = Int(b[$0 % b.count]) - Int(quantizationB.zeroPoint)
            return Float(left * right)
        }
    }

    private static func steps(
        _ a: [UInt8], _ quantizationA: ByteQuantization, _ b: [UInt8],
        _ quantizationB: ByteQuantization, result: ByteQuantization
    ) -> [Float] {
        let ratio = quantizationA.scale * quantizationB.scale / result.scale
        return products(a, quantizationA, b, quantizationB).map {
            $0 * ratio + Float(result.zeroPoint)
        }
    }
}

// MARK: - Gradients

extension ScalarReference {
    /// Of an activation's input: the gradient times the slope at the stored value
    /// (``GradientMask/slopes(of:from:to:clamp:)``).
    package static func lookupGradient(
        _ gradient: [Float], input: [UInt8], slopes: [Float]
    ) -> [Float] {
        zip(gradient, input).map { $0 * slopes[Int($1)] }
    }

    /// Of one factor; `other` as `b` of the product.
    package static func multiplyGradient(
        _ gradient: [Float], other: [UInt8], _ quantization: ByteQuantization
    ) -> [Float] {
        let real = dequantize(
            other, scale: quantization.scale, zeroPoint: quantization.zeroPoint)
        return gradient.indices.map { gradient[$0] * real[$0 % real.count] }
    }

    /// Of a factor that is one pixel for all.
    package static func multiplyGradientSum(
        _ gradient: [Float], other: [UInt8], _ quantization: ByteQuantization, channels: Int
    ) -> [Float] {
        let real = dequantize(
            other, scale: quantization.scale, zeroPoint: quantization.zeroPoint)
        var sums = [Float](repeating: 0, count: channels)
        for index in gradient.indices {
            sums[index % channels].addProduct(gradient[index], real[index])
        }
        return sums
    }
}

// MARK: - Local response normalization

extension ScalarReference {
    /// `x / (bias + alpha / size · Σ x²)^beta` over neighbouring channels (ONNX LRN).
    package static func localResponseNormalization(
        _ lrn: LocalResponseNormalization, _ input: [Float], channels: Int
    ) -> [Float] {
        zip(input, bases(lrn, input, channels: channels)).map {
            Float(Double($0) * power($1, -Double(lrn.beta)))
        }
    }

    /// Of the input of a local response normalization, with the input's real values.
    package static func localResponseNormalizationGradient(
        _ gradient: [Float], _ lrn: LocalResponseNormalization, input: [Float], channels: Int
    ) -> [Float] {
        let bases = bases(lrn, input, channels: channels)
        let factor = 2 * Double(lrn.alpha) * Double(lrn.beta) / Double(lrn.size)
        let direct = zip(gradient, bases).map { Double($0) * power($1, -Double(lrn.beta)) }
        return input.indices.map { index in
            let channel = index % channels
            var sum = 0.0
            for other in 0..<channels
            where lrn.channels(around: other, of: channels).contains(channel) {
                let place = index - channel + other
                sum += direct[place] * Double(input[place]) / bases[place]
            }
            let indirect = factor * Double(input[index]) * sum
            return Float(Double(Float(direct[index])) - indirect)
        }
    }

    /// `bias + alpha / size * sum of squares` of every element.
    private static func bases(
        _ lrn: LocalResponseNormalization, _ input: [Float], channels: Int
    ) -> [Double] {
        let share = Double(lrn.alpha) / Double(lrn.size)
        return input.indices.map { index in
            let pixel = index / channels * channels
            var sum = 0.0
            for channel in lrn.channels(around: index % channels, of: channels) {
                let value = Double(input[pixel + channel])
                sum += value * value
            }
            return Double(lrn.bias) + share * sum
        }
    }

    /// `base ^ exponent` for a positive base, in the operations and the order of the kernel.
    package static func power(_ base: Double, _ exponent: Double) -> Double {
        let (ln2High, ln2Low) = (0x1.62e42feep-1, 0x1.a39ef35793c76p-33)
        let rootHalf: UInt64 = 0x3fe6_a09e_0000_0000
        let one = (1.0).bitPattern
        let moved = base.bitPattern &+ (one - rootHalf)
        let m = Double(bitPattern: (moved & 0x000f_ffff_ffff_ffff) + rootHalf)
        let k = Double(Int(moved >> 52) - 1023)
        let f = (m - 1) / (m + 1)
        let square = f * f
        var series = 1.0 / 23
        for n in stride(from: 21.0, through: 3, by: -2) { series = series * square + 1 / n }
        let logarithm = 2 * f + 2 * f * (square * series) + k * ln2Low + k * ln2High
        let t = exponent * logarithm
        let shifted = t * 0x1.71547652b82fep0 + 0x1.8p52
        let j = shifted - 0x1.8p52
        let r = (t - j * ln2High) - j * ln2Low
        var sum = 1.0
        for n in stride(from: 13.0, through: 1, by: -1) { sum = sum * (r * (1 / n)) + 1 }
        return sum * Double(bitPattern: (shifted.bitPattern << 52) &+ one)
    }
}

extension LocalResponseNormalization {
    /// The channels whose squares are summed for one.
    fileprivate func channels(around channel: Int, of count: Int) -> Range<Int> {
        max(0, channel - size / 2)..<min(count, channel + size / 2 + 1)
    }
}
