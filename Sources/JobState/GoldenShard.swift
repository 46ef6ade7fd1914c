// SPDX-License-Identifier: Apache-2.0

import Calibration
import NetworkGraph
import Quantization
package import Storage

/// A tiny job whose result digest stands for a build's arithmetic.
///
/// Every kernel takes part: dense, pointwise, depthwise, grouped and strided convolutions, pools,
/// additions, products, concatenations, clamps, activations, normalization, statistics, histograms
/// and requantization. Two processes with the same digest compute the same bits.
package enum GoldenShard {
    /// SHA-256 of the results of all rounds, in order; computed once per process.
    package static let digest: Digest = compute()

    private static func compute() -> Digest {
        var generator = SplitMix64(seed: 0x9E37_79B9_7F4A_7C15)
        let network = network(&generator)
        let images: [InputPayload] = (0..<2).map { _ in
            .pixels(
                (0..<network.graph.inputCount).map { _ in
                    UInt8(truncatingIfNeeded: generator.next() >> 32)
                })
        }
        let options = CalibrationOptions(
            scheme: QuantizationScheme(), range: .percentile(99), equalization: .crossLayer,
            removesDeadChannels: true,
            correction: CorrectionOptions(match: .post, iterations: 2), rangeImages: 2,
            correctionImages: 2, shardImages: 2,
            tuning: TuningOptions(
                images: 2, loss: .kl, temperature: 2,
                optimizer: .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), learningRate: 0.5,
                schedule: .constant, warmup: .steps(0), batch: 2, epochs: 2, seed: 1,
                validationShare: 0))
        let table = (0..<256).map { Float($0) / 127.5 - 1 }
        let encoding = InputEncoding(tables: [table, table, table])
        let runner = LocalRunner(network: network, encoding: encoding, images: images)
        let builder = DigestBuilder()
        do {
            var job = try CalibrationJob(
                network: network, options: options, imageCount: images.count,
                inputRange: ActivationRange(lower: -1, upper: 1))
            while let (_, results) = try runner.step(&job) {
                for result in results { builder.update(result) }
            }
        } catch {
            preconditionFailure("the golden shard always computes: \(error)")
        }
        return builder.finish()
    }

    private static func network(_ generator: inout SplitMix64) -> FloatNetwork {
        var nodes: [Node] = []
        var parameters: [FloatParameters?] = []
        let input = TensorShape(height: 11, width: 9, channels: 3)

        func shape(_ value: ValueID) -> TensorShape { value == 0 ? input : nodes[value - 1].shape }
        func append(
            _ operation: Operation, _ inputs: [ValueID], _ shape: TensorShape, clamp: Clamp = .none
        ) {
            nodes.append(
                Node(
                    name: "n\(nodes.count)", operation: operation, inputs: inputs, clamp: clamp,
                    shape: shape))
            parameters.append(nil)
        }
        func convolve(
            _ value: ValueID, channels: Int, kernel: Int, stride: Int = 1, groups: Int = 1,
            clamp: Clamp = .none
        ) {
            let pad = kernel / 2
            let window = Window(
                kernelHeight: kernel, kernelWidth: kernel, strideHeight: stride,
                strideWidth: stride,
                padTop: pad, padLeft: pad, padBottom: pad, padRight: pad)
            let from = shape(value)
            let extent = window.outputExtent(height: from.height, width: from.width) ?? (1, 1)
            append(
                .convolution(Convolution(window: window, groups: groups)), [value],
                TensorShape(height: extent.height, width: extent.width, channels: channels),
                clamp: clamp)
            let depth = kernel * kernel * from.channels / groups
            let scale = 1.5 / Float(depth).squareRoot()
            parameters[parameters.count - 1] = FloatParameters(
                weights: (0..<channels * depth).map { _ in generator.unit() * scale },
                bias: (0..<channels).map { _ in generator.unit() * 0.25 })
        }
        let relu6 = Clamp(lower: 0, upper: 6)
        convolve(0, channels: 18, kernel: 3, stride: 2, clamp: relu6)
        convolve(1, channels: 18, kernel: 3, groups: 18, clamp: relu6)
        convolve(2, channels: 18, kernel: 1)
        append(.add, [1, 3], shape(3), clamp: Clamp(lower: 0))
        convolve(4, channels: 10, kernel: 3, groups: 2, clamp: Clamp(lower: 0))
        append(.concat(axis: 2), [4, 5], TensorShape(height: 6, width: 5, channels: 28))
        let pool = Window(
            kernelHeight: 3, kernelWidth: 3, strideHeight: 2, strideWidth: 2, padTop: 1, padLeft: 1,
            padBottom: 1, padRight: 1)
        append(.maxPool(pool), [6], TensorShape(height: 3, width: 3, channels: 28))
        append(
            .averagePool(pool, countIncludePad: false), [6],
            TensorShape(height: 3, width: 3, channels: 28))
        append(.add, [7, 8], shape(7))
        append(.clamp, [9], shape(9), clamp: relu6)
        let pixel = TensorShape(height: 1, width: 1, channels: 28)
        append(.globalAveragePool, [10], pixel)
        convolve(11, channels: 28, kernel: 1)
        append(.activation(.hardSigmoid(alpha: 1 / 6, beta: 0.5)), [12], pixel)
        append(.multiply, [10, 13], shape(10))
        append(.activation(.hardSwish), [14], shape(14))
        let lrn = LocalResponseNormalization(size: 5, alpha: 0.5, beta: 0.75, bias: 1)
        append(.localResponseNormalization(lrn), [15], shape(15))
        append(.multiply, [15, 16], shape(16))
        append(.globalAveragePool, [17], pixel)
        convolve(18, channels: 7, kernel: 1)
        let graph = Graph(
            name: "golden", input: Graph.Input(name: "input", shape: input, layout: .nchw),
            nodes: nodes,
            output: Graph.Output(name: "output", value: nodes.count, rank: 2))
        return FloatNetwork(graph: graph, parameters: parameters)
    }
}
