// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

// Gradients of one image, each element a chain in the order the kernels define.
extension ScalarReference {
    /// Elements that do not pass become +0; the others are added to `sums`, pixels in order.
    package static func mask(_ gradient: [Float], by passes: [Bool], sums: inout [Double])
        -> [Float]
    {
        let channels = sums.count
        return zip(gradient, passes).enumerated().map { index, element in
            let value = element.1 ? element.0 : 0
            sums[index % channels] += Double(value)
            return value
        }
    }

    /// Of a convolution's input: `fma` chain over (output row, output column, output channel), + 0.
    package static func convolutionGradient(
        _ gradient: [Float], input shape: TensorShape, output: TensorShape,
        convolution: Convolution, weights: [Float]
    ) -> [Float] {
        let taps = Taps(input: shape, output: output, window: convolution.window)
        let run = shape.channels / convolution.groups
        let groupOutput = output.channels / convolution.groups
        var result = [Float](repeating: 0, count: shape.count)
        for pixel in 0..<output.pixels {
            for tap in taps.inside(pixel: pixel) {
                for channel in 0..<shape.channels {
                    let first = channel / run * groupOutput
                    for other in first..<first + groupOutput {
                        let w = (other * taps.count + tap.index) * run + channel % run
                        result[tap.pixel * shape.channels + channel].addProduct(
                            gradient[pixel * output.channels + other], weights[w])
                    }
                }
            }
        }
        return result.map { $0 + 0 }
    }

    /// Per output: index in the kernel of the first largest element; nil where the window lies in
    /// padding.
    package static func maxPoolIndices(_ input: [UInt8], shape: TensorShape, window: Window)
        -> [Int?]
    {
        guard let taps = Taps(input: shape, window: window) else { return [] }
        return (0..<taps.output.count).map { element in
            let (pixel, channel) = element.quotientAndRemainder(dividingBy: shape.channels)
            var best: (index: Int, value: UInt8)?
            for tap in taps.inside(pixel: pixel) {
                let value = input[tap.pixel * shape.channels + channel]
                if let current = best, current.value >= value { continue }
                best = (tap.index, value)
            }
            return best?.index
        }
    }

    /// Of a max-pool's input.
    package static func maxPoolGradient(
        _ gradient: [Float], indices: [Int?], shape: TensorShape, window: Window
    ) -> [Float] {
        poolGradient(shape: shape, window: window) { element, tap, _ in
            indices[element] == tap ? gradient[element] : nil
        }
    }

    /// Of an average pool's input.
    package static func averagePoolGradient(
        _ gradient: [Float], shape: TensorShape, window: Window, countIncludePad: Bool
    ) -> [Float] {
        let whole = window.kernelHeight * window.kernelWidth
        return poolGradient(shape: shape, window: window) { element, _, inside in
            gradient[element] / Float(countIncludePad ? whole : inside)
        }
    }

    /// Of a global average's input: `gradient`, one pixel, shared out evenly.
    package static func globalAveragePoolGradient(_ gradient: [Float], shape: TensorShape)
        -> [Float]
    {
        (0..<shape.count).map { gradient[$0 % shape.channels] / Float(shape.pixels) }
    }

    /// Adds what `share` gives for (output element, tap, number of taps inside) to the input
    /// element under the tap.
    private static func poolGradient(
        shape: TensorShape, window: Window, _ share: (Int, Int, Int) -> Float?
    ) -> [Float] {
        guard let taps = Taps(input: shape, window: window) else { return [] }
        var result = [Float](repeating: 0, count: shape.count)
        for pixel in 0..<taps.output.pixels {
            let inside = taps.inside(pixel: pixel)
            for tap in inside {
                for channel in 0..<shape.channels {
                    let element = pixel * shape.channels + channel
                    guard let value = share(element, tap.index, inside.count) else { continue }
                    result[tap.pixel * shape.channels + channel] += value
                }
            }
        }
        return result
    }
}
