// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph

extension MaxPool: OperatorTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        window.slid(over: inputs[0], channels: inputs[0].channels)
    }

    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        pooled(call, window) { taps in taps.map(\.value).max() ?? -.infinity }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.maxPool(call.inputs[0], shape: call.shapes[0], window: window)
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        ScalarReference.maxPool(call.inputs[0], shape: call.shapes[0], window: window)
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] { [] }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        let indices = ScalarReference.maxPoolIndices(
            call.inputs[0], shape: call.shapes[0], window: window)
        return [
            ScalarReference.maxPoolGradient(
                arrived, indices: indices, shape: call.shapes[0], window: window)
        ]
    }

    /// Tap of the first maximum of each window; nil where it has none.
    package func firstMaxima(_ call: TwinCall<Double>) -> [Int?] {
        pooled(call, window) { taps in
            taps.reduce(nil as (tap: Int, value: Double)?) { best, tap in
                if let best, best.value >= tap.value { return best }
                return tap
            }?.tap
        }
    }
}

extension AveragePool: OperatorTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        window.slid(over: inputs[0], channels: inputs[0].channels)
    }

    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        pooled(call, window) { taps in
            let count = countIncludePad ? window.kernelHeight * window.kernelWidth : taps.count
            return taps.reduce(0) { $0 + $1.value } / Double(max(count, 1))
        }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.averagePool(
            call.inputs[0], shape: call.shapes[0], window: window, countIncludePad: countIncludePad)
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        ScalarReference.averagePool(
            call.inputs[0], call.from[0], shape: call.shapes[0], window: window,
            countIncludePad: countIncludePad, result: call.bounded)
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        [
            ScalarReference.averagePoolPasses(
                call.inputs[0], call.from[0], shape: call.shapes[0], window: window,
                countIncludePad: countIncludePad, result: call.free, clamp: call.clamp)
        ]
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        [
            ScalarReference.averagePoolGradient(
                call.masked(arrived, by: passes(call)[0]), shape: call.shapes[0], window: window,
                countIncludePad: countIncludePad)
        ]
    }
}

extension GlobalAveragePool: OperatorTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        TensorShape(height: 1, width: 1, channels: inputs[0].channels)
    }

    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        let (input, shape) = (call.inputs[0], call.shapes[0])
        return (0..<shape.channels).map { channel in
            stride(from: channel, to: input.count, by: shape.channels)
                .reduce(0) { $0 + input[$1] } / Double(shape.pixels)
        }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.globalAveragePool(call.inputs[0], shape: call.shapes[0])
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        ScalarReference.globalAveragePool(
            call.inputs[0], call.from[0], shape: call.shapes[0], result: call.bounded)
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        [
            ScalarReference.globalAveragePoolPasses(
                call.inputs[0], call.from[0], shape: call.shapes[0], result: call.free,
                clamp: call.clamp)
        ]
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        [
            ScalarReference.globalAveragePoolGradient(
                call.masked(arrived, by: passes(call)[0]), shape: call.shapes[0])
        ]
    }
}

extension Window {
    /// Extents of what a window slides over, counted position by position.
    package func slid(over input: TensorShape, channels: Int) -> TensorShape {
        func steps(_ size: Int, _ dilation: Int, _ kernel: Int, _ stride: Int) -> Int {
            (0..<max(size, 0)).filter {
                $0 % stride == 0 && $0 + dilation * (kernel - 1) < size
            }.count
        }
        return TensorShape(
            height: steps(
                input.height + padTop + padBottom, dilationHeight, kernelHeight, strideHeight),
            width: steps(
                input.width + padLeft + padRight, dilationWidth, kernelWidth, strideWidth),
            channels: channels)
    }

    /// Taps of an output pixel that lie inside the input, with their pixels.
    package func taps(
        ofPixel pixel: Int, over input: TensorShape, to output: TensorShape
    ) -> [(tap: Int, pixel: Int)] {
        var taps: [(Int, Int)] = []
        for row in 0..<kernelHeight {
            let y = pixel / output.width * strideHeight - padTop + row * dilationHeight
            for column in 0..<kernelWidth {
                let x = pixel % output.width * strideWidth - padLeft + column * dilationWidth
                guard 0..<input.height ~= y, 0..<input.width ~= x else { continue }
                taps.append((row * kernelWidth + column, y * input.width + x))
            }
        }
        return taps
    }
}

/// One value for each window and channel.
private func pooled<Result>(
    _ call: TwinCall<Double>, _ window: Window,
    _ combine: ([(tap: Int, value: Double)]) -> Result
) -> [Result] {
    let channels = call.shape.channels
    return (0..<call.shape.pixels).flatMap { pixel in
        let taps = window.taps(ofPixel: pixel, over: call.shapes[0], to: call.shape)
        return (0..<channels).map { channel in
            combine(taps.map { ($0.tap, call.inputs[0][$0.pixel * channels + channel]) })
        }
    }
}
