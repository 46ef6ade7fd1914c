// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

extension Convolution {
    /// By definition in Double, in front of the clamp.
    package func doubles(
        _ call: TwinCall<Double>, weights: [Double], bias: [Double]
    ) -> [Double] {
        let shape = call.shapes[0]
        let run = shape.channels / groups
        let outputs = call.shape.channels / groups
        let kernel = window.kernelHeight * window.kernelWidth
        var result: [Double] = []
        result.reserveCapacity(call.shape.count)
        // Pointers, since this is run on whole networks without optimization.
        call.inputs[0].withUnsafeBufferPointer { input in
            weights.withUnsafeBufferPointer { weights in
                for pixel in 0..<call.shape.pixels {
                    let taps = window.taps(ofPixel: pixel, over: shape, to: call.shape)
                    for channel in 0..<call.shape.channels {
                        var sum = bias[channel]
                        for (tap, pixel) in taps {
                            var source = pixel * shape.channels + channel / outputs * run
                            var weight = (channel * kernel + tap) * run
                            let end = weight + run
                            while weight < end {
                                sum += input[source] * weights[weight]
                                source += 1
                                weight += 1
                            }
                        }
                        result.append(sum)
                    }
                }
            }
        }
        return result
    }
}
