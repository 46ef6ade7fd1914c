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
}
