// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

// Elementwise operators and pooling.
extension ScalarReference {
    /// Elementwise (ONNX Add), clamped.
    package static func add(_ a: [Float], _ b: [Float], clamp: Clamp) -> [Float] {
        zip(a, b).map { clamp.applied(to: $0 + $1) }
    }

    /// Every element clamped (ONNX Clip, Relu).
    package static func clamp(_ input: [Float], clamp: Clamp) -> [Float] {
        input.map { clamp.applied(to: $0) }
    }

    /// Maximum over every window (ONNX MaxPool), padding left out; minus infinity where all is
    /// padding.
    package static func maxPool(_ input: [Float], shape: TensorShape, window: Window) -> [Float] {
        pool(input, shape: shape, window: window) { values in
            values.reduce(-Float.infinity) { $1 > $0 ? $1 : $0 }
        }
    }

    /// Average over every window (ONNX AveragePool), taps in order; with `countIncludePad` divided
    /// by all taps, else by those inside.
    package static func averagePool(
        _ input: [Float], shape: TensorShape, window: Window, countIncludePad: Bool
    ) -> [Float] {
        pool(input, shape: shape, window: window) { values in
            values.reduce(0, +) / divisor(values.count, window: window, countIncludePad)
        }
    }

    /// Average over all pixels (ONNX GlobalAveragePool), one per channel.
    package static func globalAveragePool(_ input: [Float], shape: TensorShape) -> [Float] {
        averagePool(
            input, shape: shape,
            window: Window(kernelHeight: shape.height, kernelWidth: shape.width),
            countIncludePad: false)
    }

    /// Elementwise (ONNX Add) of 8-bit operands with scales of their own, with two fused
    /// multiply-adds.
    package static func add(
        _ a: [UInt8], _ quantizationA: ByteQuantization, _ b: [UInt8],
        _ quantizationB: ByteQuantization, result: ByteQuantization
    ) -> [UInt8] {
        let ratioA = quantizationA.scale / result.scale
        let ratioB = quantizationB.scale / result.scale
        var offset = ratioB * Float(quantizationB.zeroPoint)
        offset.addProduct(ratioA, Float(quantizationA.zeroPoint))
        return zip(a, b).map { left, right in
            var value = Float(result.zeroPoint) - offset
            value.addProduct(Float(right), ratioB)
            value.addProduct(Float(left), ratioA)
            return byte(value, zeroPoint: 0, lower: result.lower, upper: result.upper)
        }
    }

    /// Maximum over every window (ONNX MaxPool); the quantization stays. 0 where all is padding.
    package static func maxPool(_ input: [UInt8], shape: TensorShape, window: Window) -> [UInt8] {
        pool(input, shape: shape, window: window) { $0.max() ?? 0 }
    }

    /// Average over every window (ONNX AveragePool) of dequantized values; a window that is the
    /// whole input is a global average.
    package static func averagePool(
        _ input: [UInt8], _ quantization: ByteQuantization, shape: TensorShape, window: Window,
        countIncludePad: Bool, result: ByteQuantization
    ) -> [UInt8] {
        if window.isWhole(shape) {
            return globalAveragePool(input, quantization, shape: shape, result: result)
        }
        return pool(input, shape: shape, window: window) { values in
            var sum: Float = 0
            for value in values {
                sum += Float(Int(value) - Int(quantization.zeroPoint)) * quantization.scale
            }
            let average = sum / divisor(values.count, window: window, countIncludePad)
            let scaled = average / result.scale + Float(result.zeroPoint)
            return byte(scaled, zeroPoint: 0, lower: result.lower, upper: result.upper)
        }
    }

    /// Average over all pixels (ONNX GlobalAveragePool), one per channel: exact sums, multiplied
    /// once.
    package static func globalAveragePool(
        _ input: [UInt8], _ quantization: ByteQuantization, shape: TensorShape,
        result: ByteQuantization
    ) -> [UInt8] {
        let multiplier = quantization.scale / (result.scale * Float(shape.pixels))
        return (0..<shape.channels).map { channel in
            var sum = 0
            for pixel in 0..<shape.pixels {
                sum += Int(input[pixel * shape.channels + channel]) - Int(quantization.zeroPoint)
            }
            return byte(
                Float(sum) * multiplier, zeroPoint: result.zeroPoint, lower: result.lower,
                upper: result.upper)
        }
    }

    /// `table[x]` of every element; 256 entries.
    package static func lookup(_ input: [UInt8], table: [UInt8]) -> [UInt8] {
        input.map { table[Int($0)] }
    }

    /// Elements an average divides by; 1 where there is none.
    private static func divisor(_ inside: Int, window: Window, _ countIncludePad: Bool) -> Float {
        Float(countIncludePad ? window.kernelHeight * window.kernelWidth : max(inside, 1))
    }

    /// Combines the elements of every window, in order.
    private static func pool<Element>(
        _ input: [Element], shape: TensorShape, window: Window, _ combine: ([Element]) -> Element
    ) -> [Element] {
        guard let taps = Taps(input: shape, window: window) else { return [] }
        var result: [Element] = []
        for pixel in 0..<taps.output.pixels {
            let inside = taps.inside(pixel: pixel)
            for channel in 0..<shape.channels {
                result.append(combine(inside.map { input[$0.pixel * shape.channels + channel] }))
            }
        }
        return result
    }
}
