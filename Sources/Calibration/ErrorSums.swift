// SPDX-License-Identifier: Apache-2.0

import Execution
import Kernels
import NetworkGraph
import Quantization

/// Per-channel sums of quantization errors `e = quantized - float` behind every convolution: the
/// measure round's result.
package struct ErrorSums: Hashable, Sendable {
    /// That the sums cover.
    package var images: Int
    /// Flat over the channels of all convolutions.
    package var initial: [Double]
    /// `Σ e²`, with the initial biases.
    package var initialSquares: [Double]
    /// `Σ e`, with the biases reached.
    package var corrected: [Double]
    /// `Σ e²`, with the biases reached.
    package var correctedSquares: [Double]

    /// Memberwise; the four arrays have one length.
    package init(
        images: Int, initial: [Double], initialSquares: [Double], corrected: [Double],
        correctedSquares: [Double]
    ) {
        self.images = images
        self.initial = initial
        self.initialSquares = initialSquares
        self.corrected = corrected
        self.correctedSquares = correctedSquares
    }

    init(channels: Int) {
        images = 0
        initial = [Double](repeating: 0, count: channels)
        initialSquares = initial
        corrected = initial
        correctedSquares = initial
    }

    mutating func add(_ other: ErrorSums) {
        images += other.images
        for index in initial.indices {
            initial[index] += other.initial[index]
            initialSquares[index] += other.initialSquares[index]
            corrected[index] += other.corrected[index]
            correctedSquares[index] += other.correctedSquares[index]
        }
    }

    /// One image's errors with the network's own biases and with `biases`.
    init(
        image: [Float], float: FloatExecutor, view: RescaledActivations, integer: IntegerExecutor,
        biases: BiasState, layout: ChannelLayout, workspace: Workspace
    ) {
        self.init(channels: layout.total)
        images = 1
        let initialBiases = BiasState(of: integer.network)
        var reference = float.start(image, workspace: workspace)
        var before = integer.start(image, workspace: workspace)
        var after = integer.start(image, workspace: workspace)
        for index in float.graph.nodes.indices {
            let x = reference.step(workspace: workspace)
            let first = before.step(biases: initialBiases, workspace: workspace)
            let second = after.step(biases: biases, workspace: workspace)
            guard layout.channels[index] > 0 else { continue }
            let shape = float.graph.nodes[index].shape
            guard let first, let second,
                let quantization = integer.network.activation(ofNode: index)
            else {
                // A float value's errors are taken from the real values, which equalization leaves
                // as they are.
                if let first = before.floats, let second = after.floats {
                    addErrors(x: x, first, second, count: shape.count, layout.range(index))
                }
                continue
            }
            view.observe(x, node: index, pixels: shape.pixels, workspace: workspace) { x, pixels in
                let offset = pixels.lowerBound * shape.channels
                for (q, isCorrected) in [(first + offset, false), (second + offset, true)] {
                    addErrors(
                        x: x, q: q, quantization: quantization, pixels: pixels.count,
                        channels: layout.range(index), corrected: isCorrected)
                }
            }
        }
        _ = reference.finish(workspace: workspace)
        before.discard(workspace: workspace)
        after.discard(workspace: workspace)
    }

    /// Of a float value with the network's own and with other biases.
    private mutating func addErrors(
        x: UnsafePointer<Float>, _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>,
        count: Int, _ channels: Range<Int>
    ) {
        for index in 0..<count {
            let channel = channels.lowerBound + index % channels.count
            let e = Double(first[index]) - Double(x[index])
            let f = Double(second[index]) - Double(x[index])
            initial[channel] += e
            initialSquares[channel] += e * e
            corrected[channel] += f
            correctedSquares[channel] += f * f
        }
    }

    private mutating func addErrors(
        x: UnsafePointer<Float>, q: UnsafePointer<UInt8>, quantization: TensorQuantization,
        pixels: Int, channels: Range<Int>, corrected isCorrected: Bool
    ) {
        func add(_ sums: inout [Double], _ squares: inout [Double]) {
            sums.withUnsafeMutableBufferPointer { sums in
                squares.withUnsafeMutableBufferPointer { squares in
                    guard let sums = sums.baseAddress, let squares = squares.baseAddress else {
                        return
                    }
                    StatisticsKernels.errorStatistics(
                        x, q, scale: quantization.scale, zeroPoint: quantization.unsignedZeroPoint,
                        pixels: pixels, channels: channels.count,
                        sums: sums + channels.lowerBound, squares: squares + channels.lowerBound)
                }
            }
        }
        if isCorrected {
            add(&corrected, &correctedSquares)
        } else {
            add(&initial, &initialSquares)
        }
    }

    func payload() -> [UInt8] {
        var writer = PayloadWriter()
        writer.append([Int64(images)])
        for values in [initial, initialSquares, corrected, correctedSquares] {
            writer.append(values)
        }
        return writer.bytes
    }

    init(payload: [UInt8], channels: Int) throws(CalibrationError) {
        self.init(channels: channels)
        var reader = PayloadReader(payload)
        images = Int(try reader.read(Int64.self, count: 1)[0])
        initial = try reader.read(Double.self, count: channels)
        initialSquares = try reader.read(Double.self, count: channels)
        corrected = try reader.read(Double.self, count: channels)
        correctedSquares = try reader.read(Double.self, count: channels)
        try reader.finish()
    }
}
