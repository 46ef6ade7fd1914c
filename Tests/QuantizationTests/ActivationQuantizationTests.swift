// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import Quantization
import TestSupport
import Testing

@Suite struct ActivationQuantizationTests {
    @Test func zeroIsExactlyRepresentable() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<10_000 {
            let exponent = Float.random(in: -20...20, using: &generator)
            let a = generator.unit() * Float(sign: .plus, exponent: Int(exponent), significand: 1)
            let b = generator.unit() * Float(sign: .plus, exponent: Int(exponent), significand: 1)
            let range = ActivationRange(lower: min(a, b), upper: max(a, b))
            for type in [IntegerType.uint8, .int8] {
                let quantization = TensorQuantization(covering: range, type: type)
                #expect(quantization.stored(0) == quantization.unsignedZeroPoint)
                #expect(quantization.real(quantization.unsignedZeroPoint) == 0)
                #expect((type.minimum...type.maximum).contains(quantization.zeroPoint))
                // Nothing inside the range is further than half a step away from its 8-bit form.
                let value = Float.random(in: range.lower...range.upper, using: &generator)
                let error = abs(
                    Double(quantization.real(quantization.stored(value))) - Double(value))
                #expect(
                    error <= Double(quantization.scale) * 0.5001, "range \(range), value \(value)")
            }
        }
    }

    @Test func relu6StaysInsideSix() {
        for upper in [Float(6), 5.999_999, 0.1, 1e-3, 4.7] {
            let quantization = TensorQuantization(
                covering: ActivationRange(lower: 0, upper: upper), type: .uint8)
            #expect(quantization.zeroPoint == 0)
            #expect(Double(quantization.scale) * 255 <= Double(upper))
            #expect(quantization.real(255) <= upper)
        }
    }

    @Test func constantRangesGetAUsableScale() {
        for upper in [0, Float.leastNonzeroMagnitude] {
            let range = ActivationRange(lower: 0, upper: upper)
            let quantization = TensorQuantization(covering: range, type: .uint8)
            #expect(quantization.scale >= .leastNormalMagnitude)
            #expect(quantization.stored(0) == quantization.unsignedZeroPoint)
        }
    }

    @Test func knownValues() {
        // Range [-1, 3]: scale 4/255, zero point round(63.75) = 64.
        let quantization = TensorQuantization(
            covering: ActivationRange(lower: -1, upper: 3), type: .uint8)
        #expect(quantization.scale == Float(4.0 / 255))
        #expect(quantization.zeroPoint == 64)
        let signed = TensorQuantization(covering: ActivationRange(lower: -1, upper: 3), type: .int8)
        #expect(signed.zeroPoint == -64)
        #expect(signed.unsignedZeroPoint == 64)
        // A range above zero is extended to it.
        let positive = TensorQuantization(
            covering: ActivationRange(lower: 2, upper: 3), type: .uint8)
        #expect(positive.zeroPoint == 0)
    }

    /// As the kernels do: NaN is stored as 0, infinities and what a tiny scale makes of values
    /// saturate.
    @Test func whatIsNoNumberIsStored() {
        for scale in [Float.leastNonzeroMagnitude, 1, .greatestFiniteMagnitude] {
            for zeroPoint in [0, 3, 255] {
                let quantization = TensorQuantization(
                    scale: scale, zeroPoint: zeroPoint, type: .uint8)
                for clamp in [Clamp.none, Clamp(lower: 0, upper: 6)] {
                    #expect(quantization.stored(.nan, clamp: clamp) == 0)
                }
                #expect(quantization.stored(.infinity) == 255)
                #expect(quantization.stored(-.infinity) == 0)
                #expect(quantization.stored(0) == UInt8(zeroPoint))
                let bounds = quantization.unsignedBounds(lower: -.infinity, upper: .infinity)
                #expect(bounds == (0, 255))
            }
        }
    }

    private static func squaredError(_ range: ActivationRange, _ values: [Float]) -> Double {
        let quantization = TensorQuantization(covering: range, type: .uint8)
        return values.reduce(0) { sum, value in
            let error = Double(quantization.real(quantization.stored(value))) - Double(value)
            return sum + error * error
        }
    }

    /// Every pixel of TF-slim's networks lies between two steps of [-1, 1].
    @Test func pixelsBetweenStepsGetAWiderRange() {
        let pixels = (0..<256).map { Float($0) / 127.5 - 1 }
        let own = ActivationRange(lower: -1, upper: 1)
        let range = ActivationRange(representing: pixels)
        #expect(range.lower <= -1 && range.upper >= 1 && range.upper - range.lower < 2.02)
        #expect(Self.squaredError(range, pixels) < 0.36 * Self.squaredError(own, pixels))
    }

    /// As a standard deviation of 1e-36 makes them: wider ranges would not be numbers.
    @Test(arguments: [Float(1), 1e20, 1e36, 2.6e36])
    func hugePixelsHaveARange(unit: Float) {
        let pixels = (0..<256).map { (Float($0) - 127.5) * unit }
        let range = ActivationRange(representing: pixels)
        #expect(range.lower.isFinite && range.upper.isFinite)
        #expect(range.lower <= pixels[0] && range.upper >= pixels[255])
    }

    @Test func pixelsOnStepsKeepTheirRange() {
        // (x - 127) / 128 and x / 256: steps of 1/128 and 1/256.
        for (mean, deviation) in [(127, 128), (0, 256)] as [(Float, Float)] {
            let pixels = (0..<256).map { (Float($0) - mean) / deviation }
            let range = ActivationRange(representing: pixels)
            #expect(range == ActivationRange(lower: pixels[0], upper: pixels[255]))
            #expect(Self.squaredError(range, pixels) == 0)
        }
    }

    @Test func noPixelIsFurtherThanHalfAStepAway() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<50 {
            let channels = (0..<3).map { _ in
                (
                    mean: Float.random(in: -20...275, using: &generator),
                    deviation: Float.random(in: 0.5...300, using: &generator)
                )
            }
            let pixels = channels.flatMap { channel in
                (0..<256).map { (Float($0) - channel.mean) / channel.deviation }
            }
            let range = ActivationRange(representing: pixels)
            let own = ActivationRange(
                lower: min(0, pixels.min() ?? 0), upper: max(0, pixels.max() ?? 0))
            #expect(Self.squaredError(range, pixels) <= Self.squaredError(own, pixels))
            let quantization = TensorQuantization(covering: range, type: .uint8)
            for pixel in pixels {
                let error = abs(quantization.real(quantization.stored(pixel)) - pixel)
                #expect(
                    error <= quantization.scale * 0.501,
                    "\(channels), seed \(TestSeed.value)")
            }
        }
    }
}
