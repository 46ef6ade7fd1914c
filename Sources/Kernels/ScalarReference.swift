// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// Scalar twins of all kernels: plain loops, one element at a time, the oracle of the tests. Slow
/// on purpose.
///
/// Everything is NHWC, one image; argument meanings and rounding rules are those of the kernels.
package enum ScalarReference {
    /// Float convolution: `fma` chain, bias, clamp.
    package static func convolution(
        _ input: [Float], input shape: TensorShape, output: TensorShape,
        convolution: Convolution, weights: [Float], bias: [Float], clamp: Clamp
    ) -> [Float] {
        let taps = Taps(input: shape, output: output, window: convolution.window)
        let run = shape.channels / convolution.groups
        let groupOutput = output.channels / convolution.groups
        let depth = taps.count * run
        var result = [Float](repeating: .nan, count: output.count)
        for pixel in 0..<output.pixels {
            for channel in 0..<output.channels {
                var sum: Float = 0
                for tap in taps.inside(pixel: pixel) {
                    let x = tap.pixel * shape.channels + channel / groupOutput * run
                    let w = channel * depth + tap.index * run
                    for k in 0..<run { sum.addProduct(input[x + k], weights[w + k]) }
                }
                result[pixel * output.channels + channel] =
                    clamp.applied(to: sum + bias[channel])
            }
        }
        return result
    }

    /// Exact sums of `(x - inputZeroPoint) * w`.
    package static func accumulate(
        _ input: [UInt8], input shape: TensorShape, output: TensorShape,
        convolution: Convolution, weights: [Int16], inputZeroPoint: UInt8
    ) -> [Int32] {
        let taps = Taps(input: shape, output: output, window: convolution.window)
        let run = shape.channels / convolution.groups
        let groupOutput = output.channels / convolution.groups
        let depth = taps.count * run
        var result = [Int32](repeating: .min, count: output.count)
        for pixel in 0..<output.pixels {
            for channel in 0..<output.channels {
                var sum = 0
                for tap in taps.inside(pixel: pixel) {
                    let x = tap.pixel * shape.channels + channel / groupOutput * run
                    let w = channel * depth + tap.index * run
                    for k in 0..<run {
                        sum += (Int(input[x + k]) - Int(inputZeroPoint)) * Int(weights[w + k])
                    }
                }
                result[pixel * output.channels + channel] = Int32(sum)
            }
        }
        return result
    }

    /// `max(lower, min(upper, rint(value) + zeroPoint))`, ties to even; NaN gives `lower`.
    static func byte(_ value: Float, zeroPoint: UInt8, lower: UInt8, upper: UInt8) -> UInt8 {
        if value.isNaN { return lower }
        // Double holds every Float and the sum exactly enough to compare with the bounds.
        let rounded = Double(value).rounded(.toNearestOrEven) + Double(zeroPoint)
        return UInt8(max(Double(lower), min(Double(upper), rounded)))
    }
}

extension Clamp {
    /// The order of comparisons is part of the contract.
    func applied(to value: Float) -> Float {
        var value = value
        if let lower { value = value > lower ? value : lower }
        if let upper { value = value < upper ? value : upper }
        return value
    }
}

/// Which input pixels a window reads.
struct Taps {
    let input: TensorShape
    let output: TensorShape
    let window: Window

    /// Taps of a whole window.
    var count: Int { window.kernelHeight * window.kernelWidth }

    /// Taps of one output pixel that lie inside the input, in (row, column) order: index in the
    /// kernel, input pixel.
    func inside(pixel: Int) -> [(index: Int, pixel: Int)] {
        let top = pixel / output.width * window.strideHeight - window.padTop
        let left = pixel % output.width * window.strideWidth - window.padLeft
        var taps: [(index: Int, pixel: Int)] = []
        for row in 0..<window.kernelHeight {
            for column in 0..<window.kernelWidth {
                let y = top + row * window.dilationHeight
                let x = left + column * window.dilationWidth
                guard y >= 0, y < input.height, x >= 0, x < input.width else { continue }
                taps.append((row * window.kernelWidth + column, y * input.width + x))
            }
        }
        return taps
    }

    init(input: TensorShape, output: TensorShape, window: Window) {
        self.input = input
        self.output = output
        self.window = window
    }

    /// Taps of a pooling window.
    init?(input: TensorShape, window: Window) {
        guard let extent = window.outputExtent(height: input.height, width: input.width) else {
            return nil
        }
        self.init(
            input: input,
            output: TensorShape(
                height: extent.height, width: extent.width, channels: input.channels),
            window: window)
    }
}
